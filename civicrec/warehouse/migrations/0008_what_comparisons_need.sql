-- What comparing policies on what was served needs: how likely each place was, which of two interleaved orders an item came by,
-- and what another policy would have answered. Lists of before have no propensities, and no comparison uses them.
ALTER TABLE served ADD COLUMN IF NOT EXISTS propensities Array(Float32) DEFAULT [];
ALTER TABLE served ADD COLUMN IF NOT EXISTS variant_share Float32 DEFAULT 0;
ALTER TABLE served ADD COLUMN IF NOT EXISTS teams Array(LowCardinality(String)) DEFAULT [];
ALTER TABLE served ADD COLUMN IF NOT EXISTS shadow LowCardinality(String) DEFAULT '';
ALTER TABLE served ADD COLUMN IF NOT EXISTS shadow_ids Array(String) DEFAULT [];
