"""Extracts llama.cpp's vocabulary files (ggml-vocab-*.gguf, .inp, .out) from a source package.

    fetch_llama_cpp_vocabs.py --out FOLDER [--sdist llama_cpp_python-0.3.36.tar.gz]

Without --sdist, pip downloads the package by name and version. The files stay out of the repository.
"""

import argparse
import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "llama-cpp-python==0.3.36"
SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"


def download(folder):
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", folder, PACKAGE],
                   check=True)
    return next(pathlib.Path(folder).glob("llama_cpp_python-*.tar.gz"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--sdist", type=pathlib.Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        sdist = args.sdist or download(folder)
        found = hashlib.sha256(sdist.read_bytes()).hexdigest()
        if found != SDIST_SHA256:
            sys.exit(f"{sdist.name}: SHA-256 {found}, expected {SDIST_SHA256}")
        with tarfile.open(sdist) as archive:
            for member in archive:
                name = pathlib.PurePosixPath(member.name).name
                if member.isfile() and "/models/ggml-vocab-" in member.name:
                    (args.out / name).write_bytes(archive.extractfile(member).read())
    print(f"{len(list(args.out.glob('ggml-vocab-*.gguf')))} vocabularies in {args.out}")


main()
