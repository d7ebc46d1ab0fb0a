#!/usr/bin/env python3
"""Takes the README's screenshots of the newest experiment that a metrics service knows, light and dark:

    docs/images/capture.py [http://localhost:8083 [external]]

With "external" it is the run's page alone, of an experiment that another program has trained.

Needs chromium and chromedriver, and nothing of Python but itself.
"""

import base64
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

SERVICE = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8083"
EXTERNAL = sys.argv[2:] == ["external"]
FOLDER = pathlib.Path(__file__).resolve().parent
WIDTH = 1280
LIMIT_SECONDS = 60
DRAWN = """return ['live', 'ended'].includes(document.getElementById('main').dataset.state)
    && [...document.querySelectorAll('figure:not([hidden]) canvas')]
        .every(canvas => !canvas.getAttribute('aria-label').endsWith('nothing yet'))"""


def call(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as response:
        return json.load(response)


def until(what, condition):
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"capture.py: {what} took longer than {LIMIT_SECONDS} s")
        time.sleep(0.2)


def capture(session, file, scheme, fragment, height):
    def devtools(command, parameters):
        call(f"{session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    devtools("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    devtools(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    call(f"{session}/url", {"url": "about:blank"})
    call(f"{session}/url", {"url": f"{SERVICE}/#/{fragment}"})
    until(file, lambda: call(f"{session}/execute/sync", {"script": DRAWN, "args": []})["value"])
    time.sleep(1)  # Charts are drawn at most a few times a second.
    (FOLDER / file).write_bytes(base64.b64decode(call(f"{session}/screenshot")["value"]))
    print(FOLDER / file)


def main():
    experiment = call(f"{SERVICE}/api/v1/experiments?page_size=1")["experiments"][0]["experiment"]
    runs = call(f"{SERVICE}/api/v1/runs?experiment={experiment}&variant=VARIANT_TWO_PHASE")["runs"]
    run = runs[0]["request"]["run"]
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        # "ChromeDriver was started successfully on port 40123."
        line = next(line for line in driver.stdout if "successfully on port" in line)
        address = f"http://localhost:{line.strip().rstrip('.').split()[-1]}"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]}
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        session = f"{address}/session/" + call(f"{address}/session", {"capabilities": capabilities})["value"]["sessionId"]
        for scheme in ("light", "dark"):
            if not EXTERNAL:
                capture(session, f"first-{scheme}.png", scheme, "", 800)
                capture(session, f"experiment-{scheme}.png", scheme, f"experiments/{experiment}", 1330)
            capture(session, f"{'external' if EXTERNAL else 'run'}-{scheme}.png", scheme, f"runs/{run}", 1500)
        urllib.request.urlopen(urllib.request.Request(session, method="DELETE"), timeout=LIMIT_SECONDS)
    finally:
        driver.terminate()
        driver.wait()


main()
