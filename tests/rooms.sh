#!/bin/bash
# SPDX-License-Identifier: ISC
# Checks who may include whom and which object may import which symbol, as tests/rooms.txt says.
# usage: tests/rooms.sh BUILD-DIRECTORY
# Prints `ok RULE` or `FAIL RULE: what`, and ends with status 1 when anything failed.
set -uf
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/release}
failed=0

fail() {
	echo "FAIL $*"
	failed=1
}

# include ROOM: ALLOWED... - the quoted includes of every file in a room.
check_includes() {
	local room allowed=$2 bad
	room=$(tr -d ' ' <<<"${1// /,}" | sed 's/^,*//; s/,*$//')
	# shellcheck disable=SC2046  # the room is a list of patterns, to be expanded here and only here
	bad=$( (set +f; eval grep -H "'^#include \"'" $(tr ',' ' ' <<<"$room") 2>/dev/null) | sed 's/:#include "\(.*\)"/ \1/' | while read -r file header; do
		ok=no
		for pattern in $allowed; do
			# shellcheck disable=SC2053  # the right side is a pattern
			[[ $header == $pattern ]] && ok=yes
		done
		[ $ok = yes ] || echo "$file includes $header"
	done)
	if [ -n "$bad" ]; then
		while read -r line; do fail "include: $line"; done <<<"$bad"
	else
		echo "ok include $room"
	fi
}

# symbol PATTERN only in FILES - what `nm -u` shows, with fortified spellings (__read_chk) unwrapped.
imports=$(for object in $(git ls-files 'server/*.c' 'auth/*.c' 'conf/*.c' 'protocols/*.c' | sed 's/\.c$/.o/'); do
	[ -f "$build/$object" ] && nm -u "$build/$object" | sed -n 's/^ *U \([A-Za-z0-9_]*\).*/\1/p' |
		sed 's/^__\(isoc99_\)\{0,1\}\(.*\)_chk$/\2/; s/64$//' | sed "s|^|${object%.o} |"
done)
[ -n "$imports" ] || { fail "no object files in $build"; exit 1; }

check_symbols() {
	local symbols=$1 allowed=$2 bad
	bad=$(grep -E " ($symbols)\$" <<<"$imports" | while read -r object symbol; do
		ok=no
		for pattern in $allowed; do
			# shellcheck disable=SC2053
			[[ $object == $pattern ]] && ok=yes
		done
		[ $ok = yes ] || echo "$object imports $symbol"
	done)
	if [ -n "$bad" ]; then
		while read -r line; do fail "symbol: $line"; done <<<"$bad"
	else
		echo "ok symbol $symbols"
	fi
}

while IFS=';' read -r kind what allowed reason; do
	case $kind in
	'#'* | '') continue ;;
	include*) check_includes "$what" "$allowed" ;;
	symbol*) check_symbols "$(tr -d ' ' <<<"$what")" "$allowed" ;;
	*) fail "rooms.txt: $kind" ;;
	esac
	[ -n "${reason// /}" ] || fail "rooms.txt: no reason for $what"
done <tests/rooms.txt
exit $failed
