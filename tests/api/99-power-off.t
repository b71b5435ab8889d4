#!/bin/bash
# The machine of the API tests powers off in order, with a container running, and has nothing on its console to be ashamed of.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
container_start last
answers 201 'a container runs'
rm -f "$M/ready"
os_poweroff 'the machine powers off in order'
log_is_clean
finish
