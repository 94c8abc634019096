namespace Granary.Core.Access;

/// <summary>What a name has in it if a regular expression is found there: most names are told apart by it without the engine.</summary>
/// <param name="Beginning">How the name begins.</param>
/// <param name="Inside">What is somewhere in the name.</param>
internal readonly record struct PatternText(string Beginning, string Inside)
{
    /// <summary>Every name may do.</summary>
    public static readonly PatternText Unknown = new("", "");

    public bool MayBeIn(string name) => name.StartsWith(Beginning, StringComparison.Ordinal) && (Inside.Length == 0 || name.Contains(Inside, StringComparison.Ordinal));

    /// <summary>It has a meaning of its own in a regular expression, or may have.</summary>
    public static bool IsSpecial(char letter) => letter is '\\' or '^' or '$' or '.' or '|' or '?' or '*' or '+' or '(' or ')' or '[' or ']' or '{' or '}';

    /// <summary>Behind a backslash it stands for itself.</summary>
    public static bool IsLiteralEscaped(char letter) => IsSpecial(letter) || letter is '-' or '/' or ':' or '@' or ',' or '=' or '#' or ' ';

    /// <param name="pattern">A regular expression.</param>
    public static PatternText Of(string pattern)
    {
        var reader = new Reader(pattern);
        return reader.TryRead(isGroup: false) ? new PatternText(reader.Beginning, reader.Longest) : Unknown;
    }

    /// <summary>Finds the texts outside of groups that no quantifier makes optional. Whatever it does not know for sure, it gives up at.</summary>
    private struct Reader(string pattern)
    {
        private int _at;
        private int _runBegan;
        private string _run = "";

        public string Beginning { get; private set; } = "";

        public string Longest { get; private set; } = "";

        /// <summary>Reads to the end of the pattern, or of a group, of which nothing is taken.</summary>
        public bool TryRead(bool isGroup)
        {
            while (_at < pattern.Length)
            {
                var began = _at;
                var letter = pattern[_at++];
                switch (letter)
                {
                    case ')':
                        return isGroup;
                    case '|' when !isGroup:
                        return false;
                    case '(':
                        EndRun();
                        if (!TryReadGroup())
                        {
                            return false;
                        }

                        break;
                    case '[':
                        EndRun();
                        if (!TryReadClass())
                        {
                            return false;
                        }

                        break;
                    case '\\':
                        if (!TryReadEscape(isGroup, began))
                        {
                            return false;
                        }

                        break;
                    case '*' or '?':
                        EndRun(without: 1);
                        TakeLazy();
                        break;
                    case '+':
                        EndRun();
                        TakeLazy();
                        break;
                    case '{':
                        EndRun(without: 1);
                        if (!TryReadCounts())
                        {
                            return false;
                        }

                        TakeLazy();
                        break;
                    case '.' or '^' or '$' or '|':
                        EndRun();
                        break;
                    default:
                        Take(letter, isGroup, began);
                        break;
                }
            }

            EndRun();
            return !isGroup;
        }

        private void Take(char letter, bool isGroup, int began)
        {
            if (!isGroup)
            {
                _runBegan = _run.Length == 0 ? began : _runBegan;
                _run += letter;
            }
        }

        private void EndRun(int without = 0)
        {
            var run = _run.Length > without ? _run[..^without] : "";
            if (_runBegan == 1 && pattern[0] == '^' && run.Length > 0)
            {
                Beginning = run;
            }

            if (run.Length > Longest.Length)
            {
                Longest = run;
            }

            _run = "";
        }

        private void TakeLazy()
        {
            if (_at < pattern.Length && pattern[_at] == '?')
            {
                _at++;
            }
        }

        private bool TryReadGroup()
        {
            if (_at < pattern.Length && pattern[_at] == '?')
            {
                // Options, lookarounds, names, comments: all but the plain group change what is around them, or are rare.
                if (_at + 1 >= pattern.Length || pattern[_at + 1] != ':')
                {
                    return false;
                }

                _at += 2;
            }

            return TryRead(isGroup: true);
        }

        private bool TryReadClass()
        {
            _at += _at < pattern.Length && pattern[_at] == '^' ? 1 : 0;
            for (var began = _at; _at < pattern.Length; _at++)
            {
                switch (pattern[_at])
                {
                    case ']' when _at > began:
                        _at++;
                        return true;
                    case '[':
                        return false;
                    case '\\':
                        _at++;
                        break;
                    default:
                        break;
                }
            }

            return false;
        }

        private bool TryReadEscape(bool isGroup, int began)
        {
            if (_at == pattern.Length)
            {
                return false;
            }

            var letter = pattern[_at++];
            if (IsLiteralEscaped(letter))
            {
                Take(letter, isGroup, began);
                return true;
            }

            EndRun();
            return letter is 'd' or 'D' or 'w' or 'W' or 's' or 'S' or 'b' or 'B' or 'A' or 'z' or 'Z';
        }

        // {2}, {2,} or {2,3}; anything else would be text.
        private bool TryReadCounts()
        {
            var digits = 0;
            var commas = 0;
            for (; _at < pattern.Length && pattern[_at] != '}'; _at++)
            {
                if (char.IsAsciiDigit(pattern[_at]))
                {
                    digits++;
                }
                else if (pattern[_at] == ',' && digits > 0 && commas == 0)
                {
                    commas++;
                }
                else
                {
                    return false;
                }
            }

            return _at++ < pattern.Length && digits > 0;
        }
    }
}
