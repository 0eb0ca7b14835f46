# Prints the median of one case's metric; after stats.awk.
END {
    value = stat(name, metric, 0.5)
    if (value != "")
        printf "%.6f\n", value
}
