"""Runs the simulator alone, for any client whose PingOne URLs can be configured."""

import argparse
import threading
from pathlib import Path
from typing import get_args

from local.pingone_simulator.file_store import FileStore
from local.pingone_simulator.scenario import Scenario
from local.pingone_simulator.server import PingOneSimulator
from local.zip_maker import Encryption


def main() -> None:
    defaults = Scenario()
    parser = argparse.ArgumentParser(prog="python -m local.pingone_simulator", description=__doc__)
    parser.add_argument("--s3-endpoint", required=True, help="the local cloud's URL")
    parser.add_argument("--bucket", required=True, help="an existing bucket for generated reports")
    parser.add_argument(
        "--certificate", type=Path, required=True, help="for 127.0.0.1, with its key (PEM)"
    )
    parser.add_argument(
        "--ca-bundle", type=Path, required=True, help="what the local cloud is trusted by (PEM)"
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--rows", type=int, default=defaults.rows)
    parser.add_argument("--encryption", choices=get_args(Encryption), default=defaults.encryption)
    parser.add_argument("--generation-seconds", type=float, default=defaults.generation_seconds)
    parser.add_argument("--time-scale", type=float, default=1.0, help="wall seconds an API second")
    options = parser.parse_args()
    scenario = Scenario(
        rows=options.rows,
        encryption=options.encryption,
        generation_seconds=options.generation_seconds,
    )
    bucket = FileStore(
        options.s3_endpoint,
        options.bucket,
        certificate=options.certificate,
        ca_bundle=options.ca_bundle,
        access_key_id="000000000000",
        region="eu-central-1",
    )
    with PingOneSimulator(
        bucket, default_scenario=scenario, time_scale=options.time_scale, port=options.port
    ) as simulator:
        print(f"API URL        {simulator.api_url}")
        print(f"auth URL       {simulator.auth_url}")
        print(f"client id      {simulator.client_id}")
        print(f"client secret  {simulator.client_secret}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
