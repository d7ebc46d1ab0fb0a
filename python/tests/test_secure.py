"""TLS and tokens: who is let in, and what is said where nobody is; also what the doctor says of it."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any, Tuple

import numpy as np

import fullrank
from fullrank import doctor
from ingest import Certificates, Nobody, Records, Server, until


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class SecureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.certificates = Certificates(Path(folder))
        cls.token = Path(folder, "token")

    def setUp(self) -> None:
        self.token.write_text("right\n")

    def server(self, **options: Any) -> Server:
        return Server(certificates=self.certificates, **{"token": "right", **options})

    def start(self, address: str, **options: Any) -> fullrank.Run:
        arguments = {"ca": str(self.certificates.authority), "token_file": str(self.token), **options}
        run = fullrank.start("secure", server=address, **arguments)
        run.describe(fullrank.Network(last_hidden_width=30, outputs=3))
        return run

    def test_the_right_token_is_accepted_over_tls(self) -> None:
        with self.server() as server:
            run = self.start(server.address)
            run.features(1, np.random.default_rng(1).normal(size=(20, 30)))
            self.assertEqual(run.await_verdict(1, 20).outcome, "CERTIFIED")
            self.assertTrue(run.end())

    def test_a_wrong_token_is_one_line_and_training_goes_on(self) -> None:
        self.token.write_text("wrong\n")
        with self.server() as server, self.assertLogs("fullrank", "WARNING") as logs:
            run = self.start(server.address)
            run.log(loss=1.0)
            self.assertIsNone(run.await_verdict(1, 20))
            run.log(loss=1.0)
            self.assertFalse(run.end())
        self.assertEqual(len(logs.output), 1, logs.output)
        self.assertIn("UNAUTHENTICATED: no valid token; nothing is reported any longer, training goes on", logs.output[0])
        self.assertEqual(server.records.requests, [])

    def test_a_token_that_has_run_out_may_get_a_successor_in_its_file(self) -> None:
        records = Records()
        with self.assertLogs("fullrank", "WARNING") as logs:
            with self.server(records=records) as first:
                run = self.start(first.address)
                run.log(loss=1.0, step=1)
                self.assertTrue(records.wait_for(lambda: len(records.events) == 1))
            with self.server(records=records, port=first.port, token="next") as second:
                run.log(loss=1.0, step=2)
                self.assertTrue(second.refused.wait(20))
                self.token.write_text("next\n")
                self.assertTrue(run.end())
        # The first one comes again where its acknowledgement was lost.
        self.assertEqual(sorted({p.step for p in records.of("progress")}), [1, 2])
        self.assertEqual(len(logs.output), 1, logs.output)

    def test_a_server_of_another_authority_is_told_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.server() as server:
            other = Certificates(Path(folder)).authority
            with self.assertLogs("fullrank", "WARNING") as logs:
                run = self.start(server.address, ca=str(other))
                run.log(loss=1.0)
                self.assertTrue(until(lambda: len(logs.output) > 0))
                self.assertFalse(run.end(timeout=0.1))
            self.assertIn("UNAVAILABLE", logs.output[0])
            self.assertEqual(server.records.requests, [])

    # The doctor.

    def doctor(self, address: str, *more: str) -> Tuple[int, str]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = doctor.main(["--server", address, *more])
        return status, said.getvalue().splitlines()[-1]

    def test_the_doctor_says_what_is_wrong_and_registers_nothing(self) -> None:
        secure = ["--ca", str(self.certificates.authority), "--token-file", str(self.token)]
        with self.server() as server:
            self.assertEqual(self.doctor(server.address, *secure), (0, "all is well"))
            self.token.write_text("wrong\n")
            self.assert_failed(server.address, secure, "UNAUTHENTICATED", "give --token-file with a token of the role")
            self.assert_failed(server.address, [], "does the server use TLS")
            self.assert_failed("https://" + server.address, [], "is not trusted", "give its authority with --ca")
            self.assertEqual(server.records.requests, [])
        with Server() as plain:
            self.assert_failed(plain.address, secure, "no TLS at", "leave out https:// and --ca")
        with Nobody() as nobody:
            self.assert_failed(nobody.address, secure, "nothing takes connections at")
        self.assert_failed("no-such-host.invalid", secure, "'no-such-host.invalid' is not known")
        self.assert_failed("localhost", ["--token-file", str(self.token)], "must not travel in plain text")

    def assert_failed(self, address: str, options: Any, *words: str) -> None:
        status, line = self.doctor(address, *options)
        self.assertEqual(status, 1)
        self.assertTrue(line.startswith("FAILED: "), line)
        for each in words:
            self.assertIn(each, line)


if __name__ == "__main__":
    unittest.main()
