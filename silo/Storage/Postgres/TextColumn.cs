namespace Granary.Silo.Storage.Postgres;

/// <summary>
/// Names in columns of the type text, which hold every character but NUL, while a queue's name may have that, too. So it is written as U+0001 and 0, and
/// U+0001 itself, which hardly any name has, as U+0001 and 1.
/// </summary>
internal static class TextColumn
{
    private const string Escape = "\u0001";
    private const string EscapedEscape = "\u0001" + "1";
    private const string Nul = "\0";
    private const string EscapedNul = "\u0001" + "0";

    public static string Encode(string name) => name.AsSpan().IndexOfAny(Escape[0], Nul[0]) < 0
        ? name
        : name.Replace(Escape, EscapedEscape, StringComparison.Ordinal).Replace(Nul, EscapedNul, StringComparison.Ordinal);

    public static string Decode(string text) => text.Contains(Escape[0], StringComparison.Ordinal)
        ? text.Replace(EscapedNul, Nul, StringComparison.Ordinal).Replace(EscapedEscape, Escape, StringComparison.Ordinal)
        : text;
}
