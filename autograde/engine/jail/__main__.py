"""What can this host promise?  `python -m autograde.engine.jail` tells; exit code 0 where a whole jail can be built."""

import sys

from .promise import probe

if __name__ == "__main__":
    promise = probe()
    print("\n".join(promise.missing()))
    sys.exit(0 if promise.whole.kept else 1)
