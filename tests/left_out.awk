# Prints what the tests left out: of lines of what was lacking, a tab and a test, how many tests want each.
BEGIN { FS = "\t" }
!seen[$0]++ {
    if (!count[$1]++)
        order[++things] = $1
}
END {
    if (things)
        print "\nLeft out here, in whole or in part, for want of something:"
    for (i = 1; i <= things; i++)
        printf "%6d %s  %s\n", count[order[i]], count[order[i]] == 1 ? "test " : "tests", order[i]
}
