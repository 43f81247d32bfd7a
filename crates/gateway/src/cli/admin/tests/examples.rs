//! Every command that a help or a page shows is one that this program takes.

use clap::{CommandFactory, Parser};

use crate::cli::Cli;

const PAGES: [&str; 3] = [
    include_str!("../../../../../../README.md"),
    include_str!("../../../../../../docs/admin.md"),
    include_str!("../../../../../../docs/credits.md"),
];

/// What stands for something in an example.
const NAMES: [(&str, &str); 5] = [
    ("TASK-ID", "task-unified-1795654184-bfbj884x"),
    ("EVOLINKS-TASK-ID", "task-unified-1795654183-o8632e0n"),
    ("KEY-ID", "key_nkyep221rc58vpp0"),
    ("ID", "key_nkyep221rc58vpp0"),
    ("COMMAND", "tenant"),
];

/// The words of the first command in a line of a shell's; a text in single quotes is one.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            '|' | '#' | '>' | ')' if !quoted => break,
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    let filled = words.into_iter().map(|word| {
        let name = NAMES.iter().find(|(name, _)| *name == word);
        name.map_or(word, |(_, value)| (*value).to_owned())
    });
    filled.collect()
}

/// The commands in a text: lines that begin with one, or have one in a pipe or in `$(…)`.
fn commands(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let starts = |line: &str| -> Vec<String> {
        let places = line.match_indices("evogate ").filter(|(at, _)| {
            let before = line.get(..*at).unwrap().trim_end();
            before.is_empty() || before.ends_with("$(") || before.ends_with('|')
        });
        places.map(|(at, _)| line[at..].to_owned()).collect()
    };
    text.lines().flat_map(starts).collect()
}

fn helps(command: &clap::Command, into: &mut Vec<String>) {
    if let Some(help) = command.get_after_help() {
        into.extend(commands(&help.to_string()));
    }
    for inner in command.get_subcommands() {
        helps(inner, into);
    }
}

#[test]
fn every_example_can_be_typed() {
    let mut examples = Vec::new();
    helps(&Cli::command(), &mut examples);
    let in_helps = examples.len();
    for page in PAGES {
        examples.extend(commands(page));
    }
    assert!(
        in_helps > 30 && examples.len() > in_helps + 30,
        "{examples:#?}"
    );
    for example in examples {
        if let Err(error) = Cli::try_parse_from(words(&example)) {
            let shows = matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
            );
            assert!(shows, "{example}\n{error}");
        }
    }
}
