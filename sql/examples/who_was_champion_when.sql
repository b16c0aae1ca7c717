-- Who scored when, and which comparison put it there?
SELECT valid_from_date, valid_to_date, model_version, registry_version, decision, challenger_version, ic_difference, standard_error, threshold, reason
FROM champions
ORDER BY valid_from_date DESC
