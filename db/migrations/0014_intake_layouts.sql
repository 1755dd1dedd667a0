-- Learned layouts: where a clinic's forms have their labels and values (SPEC 6, learned on confirm).
--
-- The rule: names of labels and rectangles, never a word that somebody wrote; one clinic's layouts are
-- seen by nobody else, corporate neither.
SET LOCAL ROLE nexacore_owner;

CREATE TABLE intake_layouts (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id       uuid NOT NULL REFERENCES clinics (id),
    layout          jsonb NOT NULL CHECK (jsonb_typeof(layout) = 'object'
                                          AND octet_length(layout::text) <= 30000),
    anchors         int NOT NULL CHECK (anchors BETWEEN 5 AND 400),
    fields          int NOT NULL CHECK (fields BETWEEN 1 AND 24),
    confirmed_forms int NOT NULL DEFAULT 1,
    learned_by      uuid, -- who confirmed the first form
    last_used_at    timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         int NOT NULL DEFAULT 1,
    UNIQUE (clinic_id, id),
    FOREIGN KEY (clinic_id, learned_by) REFERENCES users (clinic_id, id)
);
CREATE INDEX intake_layouts_recent ON intake_layouts (clinic_id, last_used_at DESC, id);
CREATE TRIGGER intake_layouts_touch BEFORE UPDATE ON intake_layouts
    FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER intake_layouts_no_corporate BEFORE INSERT OR UPDATE OR DELETE ON intake_layouts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_corporate_write();

ALTER TABLE intake_layouts ENABLE ROW LEVEL SECURITY;
ALTER TABLE intake_layouts FORCE ROW LEVEL SECURITY;
CREATE POLICY intake_layouts_isolation ON intake_layouts TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON intake_layouts TO nexacore_app;

-- The layout a form was recognised as, or taught. Forgetting a layout leaves its forms.
ALTER TABLE intake_forms ADD COLUMN layout_id uuid,
    ADD FOREIGN KEY (clinic_id, layout_id) REFERENCES intake_layouts (clinic_id, id)
        ON DELETE SET NULL (layout_id);
CREATE INDEX intake_forms_by_layout ON intake_forms (clinic_id, layout_id)
    WHERE layout_id IS NOT NULL;
