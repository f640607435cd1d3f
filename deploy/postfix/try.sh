#!/bin/sh
# A Postfix of its own in a directory, with one of the three set-ups here, on ports of choice: to try one before it is put into
# /etc/postfix, which is not touched. Root is needed, as Postfix changes users; systemd is not.
#
#   try.sh start DIR before-queue|milter|after-queue LISTEN SCRUB BACK NEXT
#   try.sh stop DIR
#
#   LISTEN  the port clients connect to
#   SCRUB   the port of scrubjay: [source.smtp] or [source.milter]; or, for milter, the path of its socket
#   BACK    the port that scrubjay's [sink.smtp] relays to (not used by milter)
#   NEXT    the port of the next hop on 127.0.0.1, such as `smtp-sink -u postfix -d %M. 127.0.0.1:NEXT 100`
#
# DIR is absolute, its parents may be entered by the user postfix, and it is used for nothing else. The log is DIR/log.
set -eu

die() {
    echo "try.sh: $1" >&2
    exit 1
}

command=${1:-} dir=${2:-}
case $dir in /*) ;; *) die "the directory must be absolute" ;; esac
[ "$(id -u)" = 0 ] || die "Postfix is started by root"

if [ "$command" = stop ]; then
    exec postfix -c "$dir/etc" stop
fi
[ "$command" = start ] && [ $# = 7 ] || die "see the comment at its beginning"
setup=$3 listen=$4 scrub=$5 back=$6 next=$7
here=$(cd "$(dirname "$0")" && pwd)
[ -f "$here/$setup/main.cf" ] || die "no set-up of this name"

mkdir -p "$dir/etc" "$dir/queue" "$dir/data"
chown postfix "$dir/data"

case $scrub in
/*) milter=unix:$scrub scrub=0 ;;
*) milter=inet:127.0.0.1:$scrub ;;
esac

# The set-up's own lines, with its ports; none of its services is chrooted, as the queue has no libraries in it.
own() {
    sed -e "s/127\.0\.0\.1:10028/127.0.0.1:$back/" -e "s/\(127\.0\.0\.1\]\{0,1\}\):10032/\1:$scrub/" \
        -e "s#inet:127\.0\.0\.1:10034#$milter#" -e "s/^smtp  /127.0.0.1:$listen  /" \
        -e 's/^\([^ #][^ ]* *[a-z]* *[^ ]* *[^ ]* *\)y /\1n /' "$1"
}

{
    cat <<MAIN
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
command_directory = $(postconf -hd command_directory)
daemon_directory = $(postconf -h daemon_directory)
mail_owner = postfix
setgid_group = postdrop
maillog_file = $dir/log
maillog_file_prefixes = $dir
myhostname = try.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:$next
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
MAIN
    own "$here/$setup/main.cf"
} >"$dir/etc/main.cf"

{
    [ "$setup" = before-queue ] || cat <<SERVICES
127.0.0.1:$listen inet n - n - - smtpd
pickup unix n - n 60 1 pickup
SERVICES
    [ ! -f "$here/$setup/master.cf" ] || own "$here/$setup/master.cf"
    cat <<SERVICES
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
SERVICES
} >"$dir/etc/master.cf"

postfix -c "$dir/etc" check
postfix -c "$dir/etc" start
