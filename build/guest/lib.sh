# shellcheck shell=bash
# build/guest/lib.sh - what the container images of the tests have in common: the files of a lock's packages, of which no maintainer script has run.
#
#   guest_begin LOCK NAME    unpacks the packages; root is the folder, out that of results
#   guest_end TAR [own]      the folder as a root tar, the same for the same contents; all of it root's, unless files have owners of their own
#   guest_node_init SCRIPT   its init: the script, then build/guest/server.js
set -eu -o pipefail
umask 022

guest_begin() { # LOCK NAME
	out=${O:-build/out}
	root=$out/$2
	build/unpack "build/lock/$1.lock" "$root"
	# What no container needs; the copyright files went with usr/share/doc.
	rm -rf "$root"/usr/share/{bash-completion,bug,common-licenses,debconf,info,lintian,zsh,perl5,locale,man} "$root"/usr/lib/x86_64-linux-gnu/gconv \
		"$root"/var/cache/* "$root"/etc/{cron*,init.d,rc*.d}
	mkdir -p "$root"/{dev,proc,sys,run,tmp,root,srv,etc,var/tmp,var/log}
	chmod 1777 "$root/tmp" "$root/var/tmp"
	chmod 700 "$root/root"
	install -m 644 "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	install -m 644 "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/passwd"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	[ -e "$root/usr/bin/sh" ] || ln -s dash "$root/usr/bin/sh"
	rm -f "$root"/etc/ld.so.cache
}

guest_end() { # TAR [own]
	local owner=(--owner=0 --group=0)
	[ "${2:-}" != own ] || owner=()
	tar -C "$root" "${owner[@]}" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime --numeric-owner --format=gnu -cf "$1.new" .
	mv "$1.new" "$1"
}

# node leaves SIGTERM to be caught, and reaps nothing: a shell in front of it is enough of an init.
guest_node_init() { # SCRIPT
	install -m 644 build/guest/server.js "$root/srv/server.js"
	printf '#!/bin/sh\ntrap "kill \\$! 2>/dev/null; exit 0" PWR TERM INT\n%s\n/usr/bin/node /srv/server.js &\nwait $!\n' "$1" >"$root/usr/sbin/init"
	chmod 755 "$root/usr/sbin/init"
}
