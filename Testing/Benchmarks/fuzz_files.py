"""Fuzzing with structure: variants of every kind of file are read, and what becomes of them is counted.

    python Testing/Benchmarks/fuzz_files.py [--variants 2000] [--kinds series,stl]

Every kind is read in a process of its own, which is started again where it dies. A variant counts as read (without a
remark), warned, refused (one sentence), or as one of the things that must not be: a traceback, more than 10 s of
processor time, more than 1 GB of memory, the end of the process. Exit status 1 when one of those happened.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / name) for name in ("M3DExport", "M3DValidation", "Testing")]
BAD = ("traceback", "hang", "crash", "memory")
MOST_BYTES = 1 << 30


def child(kind, first, last, folder):
    """Read variants and print one JSON line for each."""
    from M3DTestSupport.FuzzReading import outcomes

    for number, word, detail, seconds in outcomes(kind, range(first, last), folder):
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        tooMuch = memory > MOST_BYTES
        print(json.dumps([number, "memory" if tooMuch else word, detail[:300], round(seconds, 3), memory]), flush=True)
        if tooMuch:
            return


def parent(kind, count):
    """Counts of outcomes, the slowest variant, the largest memory, and what was bad."""
    counts, slowest, largest, bad, following = Counter(), 0.0, 0, [], 0
    while following < count:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--child", kind, str(following), str(count), folder]
            lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        for line in lines:
            number, word, detail, seconds, memory = json.loads(line)
            counts[word] += 1
            slowest, largest, following = max(slowest, seconds), max(largest, memory), number + 1
            if word in BAD:
                bad.append((number, word, detail))
        if following < count and (not lines or json.loads(lines[-1])[1] != "memory"):
            counts["crash"] += 1
            bad.append((following, "crash", ""))
            following += 1
    return counts, slowest, largest, bad


def main():
    """Run all kinds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=2000)
    parser.add_argument("--kinds", default="series,seg,nrrd,nifti,stl,3mf,obj,ply,amf")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, first, last, folder = arguments.child
        return child(kind, int(first), int(last), folder)
    print(f"{'kind':8}{'read':>8}{'warned':>8}{'refused':>8}{'bad':>6}{'slowest s':>11}{'peak MB':>9}{'seconds':>9}")
    failed = False
    for kind in arguments.kinds.split(","):
        started = time.perf_counter()
        counts, slowest, largest, bad = parent(kind, arguments.variants)
        wrong = sum(counts[word] for word in BAD)
        failed |= wrong > 0
        row = f"{kind:8}{counts['read']:8}{counts['warned']:8}{counts['refused']:8}{wrong:6}"
        print(f"{row}{slowest:11.2f}{largest / 1e6:9.0f}{time.perf_counter() - started:9.0f}", flush=True)
        for number, word, detail in bad[:20]:
            print(f"    variant {number}: {word} {detail}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
