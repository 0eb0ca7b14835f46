# Prints the pairs and the targets as tables; after stats.awk. Files: samples, pairs, targets.

FILENAME ~ /pairs$/ { pair_title[++pair_count] = $1; ours[pair_count] = $2; peer[pair_count] = $3 }

FILENAME ~ /targets$/ {
    target_title[++target_count] = $1
    relation[target_count] = $2
    limit[target_count] = $3
    value[target_count] = $4
}

function spread(name, metric) {
    if (stat(name, metric, 0.5) == "")
        return "-"
    return sprintf("%.3f (%.3f-%.3f)", stat(name, metric, 0.5), stat(name, metric, 0), stat(name, metric, 1))
}

function times(name, other, metric,    a, b) {
    a = stat(name, metric, 0.5)
    b = stat(other, metric, 0.5)
    return a == "" || b == "" || a == 0 ? "-" : sprintf("%.2f", b / a)
}

function wanted(n) {
    if (relation[n] == "at-most")
        return "<= " limit[n]
    if (relation[n] == "at-least")
        return ">= " limit[n]
    return sprintf("1 +- %.2f", limit[n])
}

function print_pairs(metric, header,    i) {
    if (!pair_count)
        return
    printf "%-44s %-23s %-23s %s\n", header, "overlap, s", "peer, s", "times faster"
    for (i = 1; i <= pair_count; i++)
        printf "%-44s %-23s %-23s %s\n", pair_title[i], spread(ours[i], metric), spread(peer[i], metric), \
            times(ours[i], peer[i], metric)
    print ""
}

function print_target(n) {
    printf "%-66s  %-10s  ", target_title[n], wanted(n)
    if (value[n] == "")
        printf "-         not measured\n"
    else
        printf "%-8.3f  %s\n", value[n], (is_reached(relation[n], limit[n], value[n]) ? "reached" : "missed")
}

END {
    print_pairs("work", "the work: median (least-most)")
    print_pairs("whole", "the whole command")
    if (target_count)
        printf "%-66s  %-10s  %-8s\n", "targets", "wanted", "measured"
    for (i = 1; i <= target_count; i++)
        print_target(i)
}
