# Reads a coverage profile and fails with the names of the packages that cover
# less than "floor" percent of their statements. "covered" lists the folders that
# count, with their subfolders, in the module "module". Silent on success, so that
# the output ends with that of go test.

# tokenkeeper/internal/token/account.go:38.77,39.20 2 1
#                 statements in the block, times it ran --^ ^
/^mode:/ { next }
{
	package = $1
	sub(/\/[^\/]*$/, "", package)
	sub("^" module "/", "", package)
	statements[package] += $2
	if ($3 > 0) ran[package] += $2
}

END {
	n = split(covered, folders, " ")
	for (i = 1; i <= n; i++) {
		found = 0
		for (package in statements) {
			if (index(package "/", folders[i] "/") != 1) continue
			found = 1
			percent = 100 * ran[package] / statements[package]
			if (percent < floor) {
				printf "coverage: %s: %.1f %% of statements, need %d %%; test what it promises\n", package, percent, floor > "/dev/stderr"
				failed = 1
			}
		}
		if (!found) {
			printf "coverage: %s: no statement in the profile; does the package exist?\n", folders[i] > "/dev/stderr"
			failed = 1
		}
	}
	exit failed
}
