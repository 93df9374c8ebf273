# SPDX-License-Identifier: GPL-2.0-only
# Livepatch symbols in a patch in C: static functions and data, of vmlinux and of a module that is loaded
# after the patch, unloaded, and loaded again.

. /klp/vm/lib.sh

pressure=/proc/sys/vm/vfs_cache_pressure
old_pressure=$(cat $pressure)
version=$(cat /proc/version)

# refused FROM TO - loads the patch with FROM replaced by TO, which has to fail; prints the kernel's log.
refused() {
	sed "s/$1/$2/" "$(module_file symbols-in-c)" >/tmp/symbols-in-c.ko
	mark_log
	if insmod /tmp/symbols-in-c.ko 2>/dev/null; then
		echo "it was loaded"
	fi
	log_since
}

expect_match "a symbol that vmlinux lacks" "^livepatch: symbol 'sysctl_vfs_cache_pressurX' not found" \
	"$(refused vfs_cache_pressure,0 vfs_cache_pressurX,0)"
expect_match "position 2 of a unique symbol" \
	"^livepatch: symbol position 2 for symbol 'cmdline_proc_show' in object 'vmlinux' not found" \
	"$(refused cmdline_proc_show,0 cmdline_proc_show,2)"
check "neither module nor patch is left" bash -c "! grep symbols_in_c /proc/modules && [ ! -e $LIVEPATCH/symbols_in_c ]"

must "load the patch, without the module" load symbols-in-c
expect_eq "vmlinux's static data and function" \
	"cache pressure $old_pressure"$'\n'"by cmdline_proc_show: $(cat /proc/cmdline)"$'\n'"no vault" "$(cat /proc/version)"
echo 123 >$pressure
expect_match "it is the kernel's own variable" "^cache pressure 123\$" "$(cat /proc/version)"
echo "$old_pressure" >$pressure

for coins in 5 6; do
	must "load of the module with $coins" load klp_vault coins=$coins
	expect_eq "$coins: its static data and function" "$coins coins, $((coins * 100)) cents" \
		"$(cat /proc/klp_vault)"
	expect_match "$coins: its data from elsewhere" "^a vault of $coins\$" "$(cat /proc/version)"
	must "$coins: unload of the module" unload klp_vault
	if clears_relocations; then
		expect_match "$coins: the relocations are cleared" "^no vault\$" "$(cat /proc/version)"
	fi
done

must "load of the module once more" load klp_vault
must "disable the patch under the module" disable symbols-in-c
expect_eq "the module's original output" "worth 700" "$(cat /proc/klp_vault)"
expect_eq "/proc/version is back" "$version" "$(cat /proc/version)"
must "unload the patch" unload symbols-in-c

must "load the patch after the module" load symbols-in-c
expect_eq "relocations to a module that was loaded before are applied, too" "7 coins, 700 cents" "$(cat /proc/klp_vault)"

# A module with the right name, but without the symbol.
must "unload the module again" unload klp_vault
sed 's/cents\x00/centX\x00/g' "$(module_file klp_vault)" >/tmp/klp_vault.ko
mark_log
check "the module without the symbol is refused" bash -c "! insmod /tmp/klp_vault.ko 2>/dev/null"
expect_match "the kernel says why" "^livepatch: symbol 'cents' not found" "$(log_since)"
must "the right module is accepted" load klp_vault
expect_eq "it is patched" "7 coins, 700 cents" "$(cat /proc/klp_vault)"

must "remove the patch" remove_patch symbols-in-c
must "unload the module" unload klp_vault
