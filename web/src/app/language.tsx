// Español or English: two buttons, each named in its own language.
import { chooseLanguage, type Language, language, t } from './i18n';

const NAMES: Record<Language, string> = { es: 'Español', en: 'English' };

export function LanguageSwitch() {
    return (
        <div class="languages" role="group" aria-label={t('language')}>
            {(Object.keys(NAMES) as Language[]).map((code) => (
                <button
                    type="button"
                    key={code}
                    lang={code}
                    aria-pressed={language.value === code}
                    onClick={() => void chooseLanguage(code)}
                >
                    {NAMES[code]}
                </button>
            ))}
        </div>
    );
}
