# Prints the cases and the targets as members of a JSON object; after stats.awk. Files: samples, targets.

FILENAME ~ /samples$/ && !(($1, $2) in seen) {
    seen[$1, $2] = 1
    case_name[++case_count] = $1
    case_metric[case_count] = $2
}

FILENAME ~ /targets$/ {
    target[++target_count] = sprintf("{\"title\":\"%s\",\"relation\":\"%s\",\"limit\":%s,\"value\":%s,\"reached\":%s}", \
        $1, $2, $3, ($4 == "" ? "null" : $4), (is_reached($2, $3, $4) ? "true" : "false"))
}

END {
    printf "\"samples\":["
    for (i = 1; i <= case_count; i++)
        printf "%s\n  {\"case\":\"%s\",\"metric\":\"%s\",\"count\":%d,\"median\":%.6f,\"min\":%.6f,\"max\":%.6f}", \
            (i > 1 ? "," : ""), case_name[i], case_metric[i], sample_count[case_name[i], case_metric[i]], \
            stat(case_name[i], case_metric[i], 0.5), stat(case_name[i], case_metric[i], 0), \
            stat(case_name[i], case_metric[i], 1)
    printf "],\n \"targets\":["
    for (i = 1; i <= target_count; i++)
        printf "%s\n  %s", (i > 1 ? "," : ""), target[i]
    printf "]"
}
