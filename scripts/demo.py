"""Run the product as a newcomer would see it: one clinic server, one host of phones.

Started by ``scripts/demo``, which sets up first.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import demo_check
import demo_ward
import httpx

from clinic_server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
ANXIN = [sys.executable, "-m", "clinic_server.cli"]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--patients", type=int, default=8, help="patients who wear a unit")
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="pace of the hearts; above 1 their clock runs ahead",
    )
    parser.add_argument("--replay", type=Path, help="WFDB or EDF record on one chest")
    parser.add_argument(
        "--radio",
        action="store_true",
        help="reach the patches over a virtual Bluetooth radio",
    )
    parser.add_argument("--fresh", action="store_true", help="forget earlier data")
    parser.add_argument("--check", action="store_true", help="walk the loop unattended")
    parser.add_argument(
        "--cut", type=float, metavar="S", help="cut a running demo's network"
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--phone-port", type=int, default=8550)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "var" / "demo")
    args = parser.parse_args()
    if not 1 <= args.patients <= len(demo_ward.PEOPLE):
        parser.error(f"--patients: 1 to {len(demo_ward.PEOPLE)}")
    if not 0.1 <= args.speed <= 100:
        parser.error("--speed: 0.1 to 100")
    if args.replay is not None and not _record_exists(args.replay):
        parser.error(f"--replay: there is no record {args.replay}")
    return args


def _record_exists(path: Path) -> bool:
    return (
        path.is_file()
        or path.with_suffix(".hea").is_file()
        or Path(f"{path}.hea").is_file()
    )


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """The two processes of a running demo.

    Parameters
    ----------
    args : argparse.Namespace
    folder : Path
        Data of the clinic (``clinic``), of the phones (``phones``) and of the ward.
    """

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(
            data_dir=folder / "clinic",
            port=args.port,
            patient_app_url=f"http://127.0.0.1:{args.phone_port}/",
            clinic_name="安心演示医院",
            clinic_phone="021-5555 0199",
        )
        self.phone_url = f"http://127.0.0.1:{args.phone_port}"
        self._phone_port = args.phone_port
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        demo_ward.make_ward(
            self.settings, folder, args.patients, datetime.now(UTC), args.speed
        )
        if args.replay is not None:
            name = demo_ward.put_record_on_chest(folder, args.replay)
            print(f"{args.replay} is worn by {name}")
        self.radio = args.radio
        """Patches are reached over a virtual Bluetooth radio."""
        demo_ward.reach_patches(folder, args.radio)

    def start(self) -> None:
        """Start the server, then the phones; wait until both answer."""
        self.start_server()
        self.start_phones()
        _wait_for(f"{self.phone_url}/healthz", 60)

    def start_server(self) -> None:
        """Start the clinic server and wait until it stores."""
        environment = {
            f"CLINIC_{name.upper()}": str(value)
            for name, value in self.settings.model_dump().items()
            if name in self.settings.model_fields_set
        }
        self._start("server", [*ANXIN, "serve"], environment)
        _wait_for(f"{self.settings.base_url}/readyz", 60)

    def start_phones(self) -> None:
        """Start the host of the patients' phones."""
        command = [
            *ANXIN, "phone", str(self.folder / "phones.json"),
            "--server", self.settings.base_url,
            "--data-dir", str(self.folder / "phones"),
            "--web-port", str(self._phone_port),
        ]  # fmt: skip
        self._start("phones", command, {})

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self._processes[name] = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C stops them in order, not all at once
        )

    def watch(self) -> None:
        """Start again what died; returns on Ctrl-C."""
        starters = {"server": self.start_server, "phones": self.start_phones}
        while True:
            time.sleep(1)
            for name, process in list(self._processes.items()):
                if process.poll() is not None:
                    print(f"{name} ended with {process.returncode}; starting it again")
                    starters[name]()

    def stop(self) -> None:
        """Stop phones first, so that what they have is still taken."""
        for name in ("phones", "server"):
            process = self._processes.pop(name, None)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(
        f"no answer from {url} within {seconds:.0f} s; see the logs in var/demo"
    )


def say_where(demo: Demo) -> None:
    """Print addresses and sign-ins."""
    base = demo.settings.base_url
    print(f"\n  Physician's console   {base}/console")
    print(f"  Device desk           {base}/desk")
    print(f"  Patients' phones      {demo.phone_url}/\n")
    for one in demo_ward.read_sign_ins(demo.folder).values():
        print(f"  {one.role:10s} {one.username:6s} {one.password}   ({one.name})")
    print("\n  李秀英 goes through sinus, PVCs and VT within two minutes.")
    print("  Another shell: scripts/demo --cut 120 cuts the phones' network for 2 minutes.")
    print("  Ctrl-C stops; the data stay for the next start.\n", flush=True)


def cut(phone_url: str, seconds: float) -> None:
    """Cut the network of a running demo's phones for a while."""

    def switch(up: bool) -> None:
        answer = httpx.post(
            f"{phone_url}/demo/network", json={"phone": "all", "up": up}, timeout=5
        )
        answer.raise_for_status()

    switch(False)
    print(f"The phones' network is cut for {seconds:.0f} s.", flush=True)
    try:
        time.sleep(seconds)
    finally:
        switch(True)
        print("The network is back.")


def main() -> int:
    """Run the demo, its check, or the network cut."""
    args = parse()
    if args.cut is not None:
        cut(f"http://127.0.0.1:{args.phone_port}", args.cut)
        return 0
    if args.check:
        args.port, args.phone_port = free_port(), free_port()
        args.data_dir = args.data_dir.parent / f"check-{os.getpid()}"
        args.fresh = True
    if args.fresh and args.data_dir.exists():
        shutil.rmtree(args.data_dir)
    demo = Demo(args, args.data_dir)
    passed = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if args.check:
            entry = demo_check.take_out(demo.folder)
            demo.start()
            passed = demo_check.run(demo, entry, args.replay is not None)
            return 0 if passed else 1
        demo.start()
        say_where(demo)
        demo.watch()
    except KeyboardInterrupt:
        print("\nStopping …")
    finally:
        demo.stop()
        if passed:
            shutil.rmtree(args.data_dir, ignore_errors=True)
        elif args.check:
            print(f"Logs and data of the failed check: {args.data_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
