"""Twenty prompts, three at a time, as EvoLink's tutorial does its batches. Prints a line of JSON for each.

Called with a folder for the videos and, after it, text that is added to every prompt.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

import tutorial

PROMPTS = [f"Product shot number {number}, studio light, slow turn" for number in range(1, 21)]


def one(folder, number, prompt):
    try:
        task = tutorial.wait_for(tutorial.generate(prompt, duration=4, quality="480p"))
    except (tutorial.EvoLinkError, tutorial.requests.RequestException, RuntimeError) as error:
        return {"prompt": prompt, "status": "failed", "error": str(error)}
    path = os.path.join(folder, f"batch-{number}.mp4")
    tutorial.download(task["results"][0], path)
    return {"prompt": prompt, "id": task["id"], "status": task["status"], "file": path}


def main():
    folder, *words = sys.argv[1:]
    with ThreadPoolExecutor(max_workers=3) as pool:
        jobs = [
            pool.submit(one, folder, number, " ".join([prompt, *words]))
            for number, prompt in enumerate(PROMPTS, start=1)
        ]
        for job in as_completed(jobs):
            print(json.dumps(job.result()), flush=True)


if __name__ == "__main__":
    main()
