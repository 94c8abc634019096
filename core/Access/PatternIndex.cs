using System.Collections.Frozen;

namespace Granary.Core.Access;

/// <summary>Which of thousands of patterns may be found in a name: most of them are not even looked at, for a text that they need is not in it.</summary>
internal sealed class PatternIndex
{
    private readonly int _count;
    private readonly int[] _always;
    private readonly TextTable _beginnings;
    private readonly TextTable _insides;

    public PatternIndex(IReadOnlyList<NamePattern> patterns)
    {
        _count = patterns.Count;
        var texts = patterns.SelectMany(static (pattern, at) => pattern.Texts.Select(text => (Text: text, At: at))).ToLookup(static one => KindOf(one.Text));
        _always = [.. texts[Kind.None].Select(static one => one.At)];
        _beginnings = new TextTable(texts[Kind.Beginning].Select(static one => (one.Text.Beginning, one.At)));
        _insides = new TextTable(texts[Kind.Inside].Select(static one => (one.Text.Inside, one.At)));
    }

    private enum Kind
    {
        None,
        Beginning,
        Inside,
    }

    /// <summary>By their numbers, in order; null: it costs less to look at all of them.</summary>
    public IReadOnlyList<int>? Find(string name)
    {
        if ((2 * _always.Length) + _beginnings.Lengths.Length + ((long)name.Length * _insides.Lengths.Length) > _count)
        {
            return null;
        }

        List<int> found = [.. _always];
        foreach (var length in _beginnings.Lengths.AsSpan())
        {
            _beginnings.Add(name, 0, length, found);
        }

        foreach (var length in _insides.Lengths.AsSpan())
        {
            for (var at = 0; at + length <= name.Length; at++)
            {
                _insides.Add(name, at, length, found);
            }
        }

        if (found.Count > _always.Length)
        {
            found.Sort();
        }

        return found;
    }

    private static Kind KindOf(PatternText text) => text.Beginning.Length > 0 ? Kind.Beginning : text.Inside.Length > 0 ? Kind.Inside : Kind.None;

    /// <summary>Numbers of patterns by a text.</summary>
    private sealed class TextTable(IEnumerable<(string Text, int At)> texts)
    {
        private readonly FrozenDictionary<string, int[]> _byText = texts.GroupBy(static one => one.Text, static one => one.At, StringComparer.Ordinal)
            .ToFrozenDictionary(static text => text.Key, static text => text.ToArray(), StringComparer.Ordinal);

        private int[]? _lengths;

        public int[] Lengths => _lengths ??= [.. _byText.Keys.Select(static text => text.Length).Distinct()];

        public void Add(string name, int at, int length, List<int> found)
        {
            if (at + length <= name.Length && _byText.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name.AsSpan(at, length), out var patterns))
            {
                found.AddRange(patterns);
            }
        }
    }
}
