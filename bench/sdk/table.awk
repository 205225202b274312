# Lines of the benchmarks (library, operation, threads, median, lowest, highest) as a Markdown table: what
# libtelltale took at least and in the median, what it is to reach, and the peers of the same run.
BEGIN {
    FS = "\t"
    target["counter, bound"] = 1
    target["counter, 3 attributes of 16 sets"] = 20
    target["histogram of 12 bounds, bound"] = 8
    target["exponential histogram, bound"] = 15
    target["text of 10000 series, integers"] = 50
    target["text of 10000 series, fractions"] = 100
    target["span with 4 attributes, sampled"] = 100
    target["span, not sampled"] = 5
    target["span, no SDK"] = 2
    target["W3C inject"] = 10
    target["W3C extract"] = 25
    target["log record with 4 attributes"] = 100
    target["log record below the level"] = 1
    target["bytes of a counter's series"] = 150
    target["bytes of a histogram's series"] = 300
    target["% of a core, 10 % of spans sent"] = 2
}
$1 == "telltale" {
    if (!($2 in seen)) {
        seen[$2] = 1
        names[++n] = $2
        lowest[$2] = $5
        median[$2] = $4
    } else {
        more[$2] = $5
    }
    next
}
{ # of a peer: of one thread, and of two
    column = $1 SUBSEP $2
    if (column in peer)
        peer[column] = peer[column] " / " $5
    else
        peer[column] = $5
    if (!($2 in best) || ($3 == 1 && $5 + 0 < best[$2]))
        best[$2] = $5 + 0
}
function cell(table, name) { return name in table ? table[name] : "" }
END {
    print "| operation | target | lowest | median | more threads | prometheus-cpp | Rust prometheus | best peer ÷ ours |"
    print "|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= n; i++) {
        name = names[i]
        ratio = name in best ? sprintf("%.1f", best[name] / lowest[name]) : ""
        printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", name, cell(target, name), lowest[name],
            median[name], cell(more, name), cell(peer, "prometheus-cpp" SUBSEP name),
            cell(peer, "prometheus-rust" SUBSEP name), ratio
    }
}
