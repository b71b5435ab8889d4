#!/bin/bash
# From inside, as root of a container: what can be seen and reached. A probe that may reach nothing proves itself on something that it may.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start victim
victim=$LAB victim_url=$LAB_URL
runs 'a container to be reached' wait_until 60 lab_up
api GET "/containers/$victim"
victim_ip=$(field .ipv4) victim_ip6=$(field .ipv6)
lab_start prober '{"limits":{"memory_max":67108864,"swap_max":0,"pids_max":100}}'
prober=$LAB
runs 'a container that tries' wait_until 60 lab_up

# -- ids, capabilities, what there is --
map=$(lab 'cat /proc/self/uid_map')
like "$map" '^ *0 +[0-9]+ +65536$' "root inside is an own range outside: $map"
base=$(awk '{print $2}' <<<"$map")
cmp_ok "$base" -ge 2000000 'of the private ids'
is "$((base % 65536 == 2000000 % 65536))" 1 'aligned'
LAB_URL=$victim_url
isnt "$(lab 'cat /proc/self/uid_map')" "$map" 'the other container has another'
LAB_URL=$URL
is "$(lab 'id -u')" 0 'inside it is root'
is "$(lab 'stat -c %u /etc/passwd')" 0 'and files of the image are its own'
unlike "$(lab 'cat /proc/self/status' | grep ^CapBnd)" 'ffffffffff$' 'but with fewer capabilities'
is "$(lab 'cat /proc/self/status' | awk '/^Seccomp:/ {print $2}')" 2 'under a seccomp filter'
is "$(lab 'ls -A /dev | tr "\n" " "; ls /dev/kvm /dev/mem /dev/sda /dev/vda /dev/mapper 2>/dev/null')" "$(lab 'ls -A /dev | tr "\n" " "')" 'no device of the host'
unlike "$(lab 'cat /proc/mounts')" '/data |/dev/mapper/data .*xfs|bulkhead/api' 'no mount of the host'
unlike "$(lab 'cat /proc/*/cmdline 2>/dev/null | tr "\0" " "')" 'bulkheadd|haproxy|dropbear' 'no process of the host'
is "$(lab 'hostname')" prober 'its own name'
like "$(lab 'ls /sys/class/net')" 'eth0' 'its own network'
unlike "$(lab 'cat /proc/net/dev')" ' h[0-9a-f]{8,}:' "without the host's"

# -- what a root may not --
denied() { # TEXT SCRIPT: the script must be tried, and fail
	is "$(lab "echo tried; ($2) >/dev/null 2>&1 && echo succeeded; echo after")" $'tried\nafter' "$1"
}
denied 'cannot mount a host disk' 'mknod /tmp/disk b 254 0 && dd if=/tmp/disk of=/dev/null count=1'
denied 'cannot load a module' 'busybox insmod /etc/passwd || busybox modprobe dummy'
denied 'cannot reboot the host' 'busybox reboot -f'
denied 'cannot set the clock' 'date -s 2001-01-01'
denied "cannot write the host's sysctls" 'echo 1 >/proc/sys/kernel/panic'
denied "cannot change the host's merging" 'echo 2 >/sys/kernel/mm/ksm/run'
denied 'cannot press sysrq' 'echo c >/proc/sysrq-trigger'
denied "cannot read the kernel's log" 'busybox dmesg | grep -q .'
denied 'cannot raise its own limits' 'for f in /sys/fs/cgroup/memory.max; do echo max >$f || exit 1; done'
denied 'cannot read the kernel memory' 'test -n "$(head -c 1 /proc/kcore | od -An -tx1)"'
runs 'the host is still there' lab_up
is "$(lab 'cd /proc/sys/kernel; cat kptr_restrict dmesg_restrict perf_event_paranoid unprivileged_bpf_disabled' | tr '\n' ' ')" '2 1 3 1 ' \
	'the settings of kernel/sysctl.conf are in force'

# -- the network --
# busybox nc: connects, 0 if it could.
reach() { # HOST PORT
	lab "echo x | timeout 5 busybox nc -w 3 '$1' '$2' >/dev/null 2>&1; echo \$?"
}
is "$(reach 127.0.0.1 80)" 0 'the probe works: it reaches its own web server'
api GET "/containers/$prober"
is "$(reach "$(field .ipv6)" 80)" 0 'also by IPv6'
gateway=$(lab "ip route 2>/dev/null || busybox ip route" | awk '/^default/ {print $3; exit}')
diag "gateway $gateway, victim $victim_ip $victim_ip6"
host_ips=("10.0.2.15")
[ -z "$gateway" ] || host_ips+=("$gateway")
for ip in "${host_ips[@]}"; do
	for port in 22 80 443 2222; do
		isnt "$(reach "$ip" "$port")" 0 "cannot reach the host at $ip port $port"
	done
done
isnt "$(reach "$victim_ip" 80)" 0 'cannot reach the other container by IPv4'
isnt "$(reach "$victim_ip6" 80)" 0 'cannot reach the other container by IPv6'
isnt "$(reach 169.254.169.254 80)" 0 'cannot reach the metadata address of clouds'
denied 'cannot ping the other container' "busybox ping -c 1 -W 2 $victim_ip"
# QEMU's router answers pings by itself.
is "$(lab 'busybox ping -c 1 -W 5 10.0.2.2 >/dev/null 2>&1; echo $?')" 0 'the way out, through NAT, is open'
web "$victim_url"
answers 200 'while the victim answers through the proxy'
# A spoofed source must not leave.
denied 'cannot speak with a foreign address' "busybox ip addr add $victim_ip/32 dev eth0 && busybox ping -c 1 -W 2 -I $victim_ip 10.0.2.2"
web "$victim_url"
answers 200 'and by that the victim lost nothing'

# -- limits --
is "$(lab 'cat /sys/fs/cgroup/memory.max 2>/dev/null')" 67108864 'it sees its own memory limit'
lab 'head -c 300000000 /dev/zero | tail -c 299999999 | wc -c' --max-time 40 >"$LOGS/hog" || true
unlike "$(cat "$LOGS/hog")" 299999999 '300 MB in a container of 64 MB are not had'
LAB_URL=$victim_url
runs 'the neighbour does not notice' lab_up
LAB_URL=$URL
# The kernel takes what it must of the container, at times its init too: then it has ended, says so, and can be started again.
if ! wait_until 30 lab_up; then
	api GET "/containers/$prober"
	like "$(field .state)" '^(stopped|failed)$' 'the hog was ended by its limit, and the API knows'
	api POST "/containers/$prober/start"
	answers 200 'it can be started again'
else
	pass 'the hog lost the process that took too much'
	pass 'and runs on'
fi
runs 'the hog answers' wait_until 60 lab_up
forks=$(lab 'i=0; while [ $i -lt 300 ]; do sleep 20 & i=$((i + 1)); done; echo all; kill $(jobs -p)' || true)
unlike "$forks" '^all' '300 processes in a container of 100 are not had'
LAB_URL=$victim_url
runs 'the neighbour does not notice that either' lab_up
api GET /host
answers 200 'nor does the API'

# -- merging --
api GET "/containers/$victim"
is "$(field .merge)" true 'a container of a realm that shares opts in to merging'
like "$(lab 'cat /proc/self/ksm_stat')" 'ksm_merge_any: *yes' 'and its processes have it'
api_json POST /realms '{"name":"alone","sharing":"none"}'
alone=$(field .id)
api_json POST /projects "{\"name\":\"alone\",\"realm\":\"$alone\"}"
alone_project=$(field .id)
api_json POST /containers "{\"project\":\"$alone_project\",\"image\":\"$DIGEST\",\"name\":\"www\"}"
is "$(field .merge)" false 'one of a realm that does not stays out'
api DELETE "/containers/$(field .id)"
api DELETE "/projects/$alone_project"
api DELETE "/realms/$alone"
answers 204 'gone again'
api DELETE "/containers/$prober"
answers 204 'the prober goes'
api DELETE "/containers/$victim"
answers 204 'the victim goes'
finish
