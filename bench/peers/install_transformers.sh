#!/bin/sh
# Installs transformers and torch into a virtual environment, FOLDER/venv (default build-peers). Idempotent.
set -eu
folder=${1:-$(cd "$(dirname "$0")" && pwd)/../../build-peers}
python=$folder/venv/bin/python

if [ -x "$python" ] && "$python" -c 'import accelerate, gguf, torch, transformers' 2>/dev/null; then exit 0; fi
echo "transformers: installing into $folder/venv"
mkdir -p "$folder"
python3 -m venv "$folder/venv"
"$python" -m pip install --quiet torch==2.15.0 transformers gguf accelerate || {
  echo "install_transformers: pip could not install torch, transformers, gguf and accelerate" >&2
  exit 1
}
