# shellcheck shell=bash
# Loads what each story uses.
set -euo pipefail
cd /test/inside
# shellcheck source=../inside/checks.sh
. ./checks.sh
# shellcheck source=../inside/package.sh
. ./package.sh
# shellcheck source=../inside/people.sh
. ./people.sh
# shellcheck source=../inside/logins.sh
. ./logins.sh
cd /root
