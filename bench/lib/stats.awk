# Reads samples (CASE, METRIC, SECONDS) and keeps them sorted, for whoever is given to awk after this file.
# stat(case, metric, share) is their quantile: 0 the least, 0.5 the median, 1 the most; "" without samples.

BEGIN { FS = "\t" }

FILENAME ~ /samples$/ {
    key = $1 SUBSEP $2
    n = ++sample_count[key]
    while (n > 1 && sample[key, n - 1] > $3 + 0) {
        sample[key, n] = sample[key, n - 1]
        n--
    }
    sample[key, n] = $3 + 0
}

function stat(name, metric, share,    key, at, low) {
    key = name SUBSEP metric
    if (!(key in sample_count))
        return ""
    at = 1 + share * (sample_count[key] - 1)
    low = int(at)
    if (low == at)
        return sample[key, low]
    return sample[key, low] + (at - low) * (sample[key, low + 1] - sample[key, low])
}

# Whether a target's value is what was wanted.
function is_reached(relation, limit, value) {
    if (value == "")
        return 0
    if (relation == "at-most")
        return value <= limit + 0
    if (relation == "at-least")
        return value >= limit + 0
    return value >= 1 - limit && value <= 1 + limit
}
