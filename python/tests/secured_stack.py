"""The package against a server that wants TLS and knows its callers, and a checker behind it.

Run by an integration test that has such a server, as ``run-tests secured_stack``; SECURED_SERVER is its address, and the
folder SECURED_FILES has what callers show: submitter.token, reader.token, unknown.token, submitter.crt and .key, stranger.crt
and .key, authority.crt, other.crt of another authority. The server takes snapshots of at most 1 MiB.
"""

from __future__ import annotations

import contextlib
import io
import os
import unittest
import unittest.mock
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

import fullrank
from fullrank import doctor, wire
from ingest import until

SERVER = os.environ["SECURED_SERVER"]
FILES = Path(os.environ["SECURED_FILES"])
LIMIT = 120.0


def file(name: str) -> str:
    return str(FILES / name)


def token(name: str) -> Dict[str, str]:
    return {"ca": file("authority.crt"), "token_file": file(f"{name}.token")}


def certificate(name: str) -> Dict[str, str]:
    return {"ca": file("authority.crt"), "cert": file(f"{name}.crt"), "key": file(f"{name}.key")}


def features(rows: int = 20, columns: int = 30) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(rows, columns)).astype(np.float32)


def start(options: Dict[str, Any], rows: int = 20, columns: int = 30) -> fullrank.Run:
    run = fullrank.start("secured", server=SERVER, **options)
    run.describe(fullrank.Network(last_hidden_width=columns, outputs=3), fullrank.DataSet("rows", train_rows=rows))
    return run


class SecuredStackTest(unittest.TestCase):
    def test_callers_that_may_report_get_verdicts(self) -> None:
        for options in (token("submitter"), certificate("submitter")):
            with self.subTest(options), self.assertNoLogs():
                run = start(options)
                run.log(loss=1.0)
                run.features(1, features())
                verdict = run.await_verdict(1, LIMIT)
                self.assertEqual((verdict.outcome, verdict.feature_source), ("CERTIFIED", "CLIENT"))
                self.assertTrue(run.end(timeout=LIMIT))
                self.assertEqual(run.dropped, 0)

    def test_callers_that_may_not_are_told_so_in_one_line_and_training_goes_on(self) -> None:
        first = start(token("submitter"))
        first.log(loss=1.0)
        self.assertTrue(first.end(timeout=LIMIT))
        cases: Dict[str, Dict[str, Any]] = {
            "UNAUTHENTICATED: neither a bearer token": {"ca": file("authority.crt")},
            "UNAUTHENTICATED: .* JSON Web Token": token("unknown"),
            "PERMISSION_DENIED: .*submitter": token("reader"),
            "PERMISSION_DENIED: .*CN=stranger": certificate("stranger"),
            "ALREADY_EXISTS: .*belongs to another key": {**token("submitter"), "experiment": first.experiment},
        }
        for words, options in cases.items():
            with self.subTest(words):
                self.assert_one_line(self.refused(options), words + ".*; nothing is reported any longer, training goes on")

    def refused(self, options: Dict[str, Any]) -> List[str]:
        with self.assertLogs("fullrank", "WARNING") as logs:
            run = start(options)
            run.log(loss=1.0)
            run.features(1, features())
            self.assertIsNone(run.await_verdict(1, LIMIT))
            run.log(loss=2.0)
            self.assertFalse(run.end(timeout=LIMIT))
        return logs.output

    def test_an_old_protocol_is_refused(self) -> None:
        with unittest.mock.patch.object(wire, "PROTOCOL", 0):
            self.assert_one_line(
                self.refused(token("submitter")), "FAILED_PRECONDITION: begin.protocol: 0, but this server knows version 1 only"
            )

    def test_a_server_that_cannot_be_trusted_or_spoken_to_is_one_line(self) -> None:
        for options in ({**token("submitter"), "ca": file("other.crt")}, {}):
            with self.subTest(options), self.assertLogs("fullrank", "WARNING") as logs:
                run = start(options)
                run.log(loss=1.0)
                self.assertTrue(until(lambda: len(logs.output) > 0, LIMIT))
                self.assert_one_line(logs.output, "UNAVAILABLE: .*; training goes on, reports wait and are sent later")
                self.assertFalse(run.end(timeout=0.1))

    def test_features_that_cannot_be_certified_are_told_with_what_to_do(self) -> None:
        bad = features()
        bad[3, 4] = np.nan
        cases = {
            "not finite": (bad, 20, 30),
            "fullrank.trainer.ingest.max-snapshot-bytes": (features(600, 600), 600, 600),
            "REFUTED: use a last hidden layer of at least 49 units, or at most 31 rows": (None, 50, 30),
        }
        for words, (matrix, rows, columns) in cases.items():
            with self.subTest(words), self.assertLogs("fullrank", "WARNING") as logs:
                run = start(token("submitter"), rows, columns)
                run.log(loss=1.0)
                if matrix is not None:
                    run.features(1, matrix)
                    self.assertIsNone(run.await_verdict(1, LIMIT))
                self.assertTrue(run.end(timeout=LIMIT))
                self.assertIn(words, " ".join(logs.output))
                self.assertTrue(all(line.count("\n") == 0 for line in logs.output))

    def test_the_doctor_says_what_is_wrong(self) -> None:
        secure = ["--ca", file("authority.crt")]
        cases = {
            "all is well": [*secure, "--token-file", file("submitter.token")],
            "all is well ": [*secure, "--cert", file("submitter.crt"), "--key", file("submitter.key")],
            "UNAUTHENTICATED": secure,
            "PERMISSION_DENIED": [*secure, "--token-file", file("reader.token")],
            "is not trusted": ["--ca", file("other.crt"), "--token-file", file("submitter.token")],
            "does the server use TLS": [],
        }
        for words, options in cases.items():
            said = io.StringIO()
            with self.subTest(words), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                status = doctor.main(["--server", SERVER, *options])
                self.assertEqual(status, 0 if words.strip() == "all is well" else 1)
                self.assertIn(words.strip(), said.getvalue().splitlines()[-1])

    def assert_one_line(self, output: List[str], words: str) -> None:
        self.assertEqual(len(output), 1, output)
        self.assertNotIn("\n", output[0])
        self.assertRegex(output[0], words)


if __name__ == "__main__":
    unittest.main()
