#!/usr/bin/env bash
# The Ansible and the ecs-deploy that the suite runs against Sealway, in .venv-clients: hashed, and of Ansible only
# the two collections for AWS of the hundred that the package brings (120 MB instead of 580). Exit 1 with a word when
# they cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
mark=$(sha256sum tools/clients.lock | cut -d' ' -f1)
[ "$(cat .venv-clients/.sealway-lock 2>/dev/null)" = "$mark" ] && exit
printf '  clients: installing Ansible and ecs-deploy into .venv-clients\n'
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
pip() { .venv-clients/bin/python -m pip --quiet --disable-pip-version-check "$@"; }

.venv/bin/python -m venv --clear .venv-clients
pip download --only-binary :all: --require-hashes -r tools/clients.lock -d "$wheels" \
    || { printf '  clients: no Ansible and no ecs-deploy: their tests will be skipped\n' >&2; exit 1; }
mkdir "$wheels/collections"
mv "$wheels"/ansible-[0-9]*.whl "$wheels/collections"
pip install --no-deps --no-index "$wheels"/*.whl
.venv-clients/bin/python - "$wheels"/collections/*.whl <<'PYTHON'
import sys, sysconfig, zipfile

archive = zipfile.ZipFile(sys.argv[1])
wanted = ("ansible_collections/amazon/aws/", "ansible_collections/community/aws/")
archive.extractall(sysconfig.get_path("purelib"), [n for n in archive.namelist() if n.startswith(wanted)])
PYTHON
echo "$mark" > .venv-clients/.sealway-lock
