# shellcheck shell=bash
# tests/lib/tar.sh - archives that no tar program would make. Entries go to standard output, tar_end ends an archive.
#
#   tar_entry TYPE NAME [LINK] [CONTENT]   TYPE: 0 file, 1 hard link, 2 symbolic link, 3 character device, 4 block device, 5 folder, 6 fifo
#                                          TAR_UID, TAR_SIZE (claimed size) and TAR_MODE change the header
#   tar_end

tar_pad() { # TEXT SIZE: TEXT and zeros
	printf '%s' "$1"
	head -c $(($2 - ${#1})) /dev/zero
}

tar_header() { # TYPE NAME LINK SIZE CHECKSUM
	tar_pad "$2" 100
	printf '%07o\0%07o\0%07o\0%011o\0%011o\0' "$((8#${TAR_MODE:-755}))" "${TAR_UID:-0}" 0 "$4" 0
	printf '%s%s' "$5" "$1"
	tar_pad "$3" 100
	printf 'ustar\00000'
	tar_pad root 32
	tar_pad root 32
	printf '%07o\0%07o\0' 1 3
	head -c 167 /dev/zero
}

tar_entry() {
	local content=${4:-} size sum
	size=${TAR_SIZE:-${#content}}
	sum=$(tar_header "$1" "$2" "${3:-}" "$size" '        ' | od -An -v -tu1 | awk '{ for (i = 1; i <= NF; i++) s += $i } END { print s }')
	tar_header "$1" "$2" "${3:-}" "$size" "$(printf '%06o' "$sum")"$'\x01 ' | sed 's/\x01/\x00/'
	if [ -n "$content" ]; then
		printf '%s' "$content"
		head -c $(((512 - ${#content} % 512) % 512)) /dev/zero
	fi
}

tar_end() { head -c 1024 /dev/zero; }
