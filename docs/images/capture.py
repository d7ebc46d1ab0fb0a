#!/usr/bin/env python3
"""Takes screenshots of the page of a metrics service, light and dark:

    docs/images/capture.py [http://localhost:8083]
    docs/images/capture.py http://localhost:8083 external my-network-0a1b2c.two-phase.1 1500

The first takes the first page, and the newest experiment with its first two-phase run; the second takes the page of one run, 1500
pixels of it, into external-light.png and external-dark.png.

The tour's are tour-narrow and tour-wide (2700 pixels) of part 4's two runs, and tour-two-phases (1500) of part 5's.

Needs chromium, chromedriver and pngquant, and nothing of Python but itself.
"""

import base64
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

SERVICE = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8083"
ONE_RUN = sys.argv[2:]
FOLDER = pathlib.Path(__file__).resolve().parent
WIDTH = 1280
LIMIT_SECONDS = 60
# Of a run that has ended all is told, and a chart that has nothing then stays empty.
DRAWN = """const state = document.getElementById('main').dataset.state;
return state === 'ended' || state === 'live' && [...document.querySelectorAll('figure:not([hidden]) canvas')]
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
    picture = base64.b64decode(call(f"{session}/screenshot")["value"])
    # 256 colours are enough for the page, and take less than half the bytes.
    small = subprocess.run(["pngquant", "--strip", "-"], input=picture, stdout=subprocess.PIPE, check=True)
    (FOLDER / file).write_bytes(small.stdout)
    print(FOLDER / file)


def pages():
    """Of each picture its name, what the page's address ends with, and the height."""
    if ONE_RUN:
        name, run, height = ONE_RUN
        return [(name, f"runs/{run}", int(height))]
    experiment = call(f"{SERVICE}/api/v1/experiments?page_size=1")["experiments"][0]["experiment"]
    runs = call(f"{SERVICE}/api/v1/runs?experiment={experiment}&variant=VARIANT_TWO_PHASE")["runs"]
    run = runs[0]["request"]["run"]
    return [("first", "", 800), ("experiment", f"experiments/{experiment}", 1330), ("run", f"runs/{run}", 1500)]


def main():
    wanted = pages()
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        # "ChromeDriver was started successfully on port 40123."
        line = next(line for line in driver.stdout if "successfully on port" in line)
        address = f"http://localhost:{line.strip().rstrip('.').split()[-1]}"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]}
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        session = f"{address}/session/" + call(f"{address}/session", {"capabilities": capabilities})["value"]["sessionId"]
        for name, fragment, height in wanted:
            for scheme in ("light", "dark"):
                capture(session, f"{name}-{scheme}.png", scheme, fragment, height)
        urllib.request.urlopen(urllib.request.Request(session, method="DELETE"), timeout=LIMIT_SECONDS)
    finally:
        driver.terminate()
        driver.wait()


main()
