#!/bin/bash
# enter.sh ROOT ARCHIVES CCACHE NPM COMMAND…: makes ROOT the root of this (new) mount namespace and becomes COMMAND.
# pivot_root rather than chroot: the kernel refuses user namespaces, which the tool sandbox is made of, in a chroot.
set -euo pipefail
root=$1 archives=$2 ccache=$3 npm=$4
shift 4
mount --bind "$root" "$root"
mkdir -p "$root/.old" "$root/root/.cache/ccache" "$root/root/.npm"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount --bind "$archives" "$root/var/cache/apt/archives"
mount --bind "$ccache" "$root/root/.cache/ccache"
mount --bind "$npm" "$root/root/.npm"
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old
cd /root
exec "$@"
