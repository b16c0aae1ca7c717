-- What share of reports is not a standing trade, by reason?
SELECT reason, count(*) AS reports, round(100.0 * count(*) / (SELECT count(*) FROM trade_events), 3) AS share_pct
FROM rejected_reports
GROUP BY reason
ORDER BY reports DESC, reason
