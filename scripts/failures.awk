# Reads the output of go test and repeats in short which tests failed and what each said,
# without the logs of its workers, which bury it: at most "most" lines of each.

/^ *--- FAIL: / { said = most; print; next }
/^(panic: |fatal error: |WARNING: DATA RACE)/ { said = most }
/^FAIL\t/ { said = 0; print; next }
/^ *--- |^(ok|FAIL|PASS|\t)/ { said = 0; next }
/^ *\{"/ || / said:$/ || /chaos: .* of [0-9]+ kills, / { next }
said > 0 && /[^ ]/ { said--; print }
