"""What a team's script looks like that was written from EvoLink's Seedance 2.0 tutorial.

It knows nothing of Evogate: it reads EVOLINK_BASE_URL and EVOLINK_API_KEY, and uses only `requests`.
Called with a folder and the names of jobs (text, image, vertical, cancel, wrong), it does them one
after the other, saves the videos into the folder, and prints one line of JSON for each.
"""

import json
import os
import sys
import time

import requests

BASE_URL = os.environ["EVOLINK_BASE_URL"]
HEADERS = {
    "Authorization": f"Bearer {os.environ['EVOLINK_API_KEY']}",
    "Content-Type": "application/json",
}
POLL_SECONDS = float(os.environ.get("POLL_SECONDS", "5"))
RETRYABLE = (429, 500, 502, 503)


class EvoLinkError(Exception):
    """An answer that trying again does not change."""

    def __init__(self, status, error):
        super().__init__(f"{status} {error.get('type')}: {error['message']}")
        self.status = status
        self.error = error


def call(method, path, attempts=4, **kwargs):
    """One call, tried again after 1, 2 and 4 s on 429, 5xx, time-outs and broken connections."""
    for attempt in range(attempts):
        last = attempt == attempts - 1
        try:
            response = requests.request(method, f"{BASE_URL}{path}", headers=HEADERS, timeout=30, **kwargs)
        except (requests.Timeout, requests.ConnectionError):
            if last:
                raise
        else:
            # Every answer is parsed, the bad ones too.
            body = response.json()
            if response.status_code == 200:
                return body
            if last or response.status_code not in RETRYABLE:
                raise EvoLinkError(response.status_code, body["error"])
        time.sleep(2**attempt)


def generate(prompt, **options):
    task = call("POST", "/videos/generations", json={"model": "seedance-2.0", "prompt": prompt, **options})
    print(
        f"{task['id']}: about {task['task_info']['estimated_time']} s, "
        f"{task['usage']['credits_reserved']} credits reserved",
        file=sys.stderr,
    )
    return task["id"]


def wait_for(task_id, limit=600):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        task = call("GET", f"/tasks/{task_id}")
        print(f"{task_id}: {task['status']} {task['progress']}%", file=sys.stderr)
        if task["status"] == "completed":
            return task
        if task["status"] == "failed":
            raise RuntimeError(task["error"]["message"])
        time.sleep(POLL_SECONDS)
    raise TimeoutError(task_id)


def download(url, path):
    with requests.get(url, stream=True, timeout=60) as response:
        response.raise_for_status()
        with open(path, "wb") as file:
            for chunk in response.iter_content(chunk_size=8192):
                file.write(chunk)


def make(folder, name, prompt, **options):
    task = wait_for(generate(prompt, **options))
    path = os.path.join(folder, f"{name}.mp4")
    download(task["results"][0], path)
    return {"job": name, "id": task["id"], "status": task["status"], "file": path}


def cancel(task_id):
    response = requests.post(f"{BASE_URL}/tasks/{task_id}/cancel", headers=HEADERS, timeout=30)
    return response.status_code == 200


def do(name, folder):
    if name == "text":
        return make(folder, name, "A paper boat drifts over a calm lake at dawn, slow dolly-in")
    if name == "image":
        return make(
            folder,
            name,
            "@Image1 turns her head and smiles, @Image2 is the background",
            image_urls=["https://example.com/portrait.jpg", "https://example.com/street.png"],
            duration=8,
            quality="480p",
        )
    if name == "vertical":
        return make(
            folder,
            name,
            "A dancer on a rooftop, neon rain",
            aspect_ratio="9:16",
            quality="1080p",
            duration=10,
            generate_audio=False,
        )
    if name == "cancel":
        task_id = generate("Nobody will see this #sim:seconds=300")
        cancelled = cancel(task_id)
        task = call("GET", f"/tasks/{task_id}")
        return {"job": name, "id": task_id, "status": task["status"], "cancelled": cancelled}
    if name == "wrong":
        try:
            generate("Too short", duration=2)
        except EvoLinkError as error:
            return {"job": name, "status": error.status, "error": error.error}
    raise SystemExit(f"no such job: {name}")


def main():
    folder, *names = sys.argv[1:]
    for name in names:
        print(json.dumps(do(name, folder)), flush=True)


if __name__ == "__main__":
    main()
