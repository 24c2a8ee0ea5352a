"""Freed memory is kept within the block, and given back after it; looked at from outside, in /proc."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, resource, sys
from cvcore.training.freed_memory import freed_memory_kept
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def faults_of_asking_again():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        block = libc.malloc(100 << 20)
        ctypes.memset(block, 1, 100 << 20)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20

usual, start = faults_of_asking_again(), resident()
with freed_memory_kept():
    kept, within = faults_of_asking_again(), resident()
print(usual, kept, within - start, resident() - start)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells the memory of a process there")
def test_blocks_are_filled_once_and_given_back_at_the_end():
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    usual, kept, within, after = map(int, answer.stdout.split())
    assert usual > 5 * kept  # pages that the system filled: ten times against once
    assert within > 90 and after < 10  # MB
