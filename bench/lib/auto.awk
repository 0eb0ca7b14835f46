# Two tables from the lines of lib/workloads.c: auto beside the best model, and predictions beside measures.
# Before the lines, those of each workload's reason for missing may be given: "why NAME TEXT...".

function shorter(text, length_most) { return length(text) > length_most ? substr(text, 1, length_most) : text }

/^why / { name = $2; sub(/^why [^ ]+ /, ""); why[name] = $0; next }
/^auto / {
    name = $2; names[++count] = name
    best_model[name] = $3; best_workers[name] = $4; best[name] = $5; sync[name] = $6; auto[name] = $7
    next
}
/^predicted / {
    name = $2; ratio = $6 / $5 - 1; if (ratio < 0) ratio = -ratio
    errors[++error_count] = ratio
    error_of[name] = error_of[name] " " ratio; error_n[name]++
    key = name SUBSEP $3
    if ($9) { fastest[key] = $5; least[key] = $7; most[key] = $8 }
    if (!(key in foretold) || $6 < foretold[key]) foretold[key] = $6
    model_of[name] = index(model_of[name], $3) ? model_of[name] : model_of[name] " " $3
    next
}

function median_of(list, n,    i, j, t) {
    for (i = 2; i <= n; i++) { t = list[i]; for (j = i - 1; j > 0 && list[j] > t; j--) list[j + 1] = list[j]; list[j + 1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# Pairs of models that stand the other way round than they were measured to: each at its best number of workers, which
# was run several times, all of them in turns. Where the times of the one reach into those of the other the two are tied: which is quicker was
# not measured. Nor was it where they differ by less than the 5% that a prediction says of itself.
function turned(name,    models, n, i, j, a, b, wrong) {
    ties = ""
    n = split(model_of[name], models, " ")
    for (i = 1; i <= n; i++)
        for (j = 1; j <= n; j++) {
            a = name SUBSEP models[i]; b = name SUBSEP models[j]
            if (fastest[a] * 1.05 >= fastest[b] || foretold[a] <= foretold[b] * 1.05) continue
            if (most[a] < least[b]) wrong = wrong " " models[i] "/" models[j]
            else ties = ties " " models[i] "/" models[j]
        }
    return wrong
}

END {
    printf "%-15s %-16s %9s %9s %9s %7s %7s\n", "workload", "best", "best s", "auto s", "sync s", "ratio", "goal"
    for (i = 1; i <= count; i++) {
        name = names[i]
        goal = best[name] > 1 ? 1.10 : 1.50
        ratio = auto[name] / best[name]
        slower = auto[name] > 1.05 * sync[name]
        missed = ratio > goal || slower
        misses += missed
        printf "%-15s %-16s %9.3f %9.3f %9.3f %7.2f %7.2f%s\n", name, best_model[name] " " best_workers[name], best[name],
            auto[name], sync[name], ratio, goal, missed ? "  missed" (slower ? ", slower than sync" : "") (name in why ? ": " why[name] : "") : ""
    }
    printf "%d of %d reached\n\n", count - misses, count
    printf "%-15s %10s %10s   %s\n", "workload", "predicted", "median off", "order of models"
    for (i = 1; i <= count; i++) {
        name = names[i]
        n = split(error_of[name], list, " ")
        for (j = 1; j <= n; j++) list[j] += 0
        wrong = turned(name)
        wrongs += wrong != ""
        printf "%-15s %10d %9.0f%%   %s\n", name, n, 100 * median_of(list, n), (wrong == "" ? "right" : "wrong:" wrong) (ties == "" ? "" : "; tied, foretold the other way:" ties)
    }
    printf "all: median off by %.0f%% (goal: 15%%); order right in %d of %d\n", 100 * median_of(errors, error_count), count - wrongs, count
}
