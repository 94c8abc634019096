namespace Granary.Node.Configuration;

/// <summary>What is told of a setting that cannot be used: one line that can be read, whatever was given.</summary>
internal static class Sentence
{
    private const int MostOfAText = 80, MostOfAll = 400;

    /// <param name="given">The value, which may be anything: the message shows it, or a part of it.</param>
    public static string About(string given, string message)
    {
        var told = given.Length > MostOfAText ? message.Replace(given, Shortened(given, MostOfAText), StringComparison.Ordinal) : message;
        return Shortened(told, MostOfAll);
    }

    /// <summary>Without what is not to be seen, such as the ends of lines.</summary>
    public static string Shown(string text) =>
        text.Any(static letter => char.IsControl(letter)) ? string.Concat(text.Select(static letter => char.IsControl(letter) ? '?' : letter)) : text;

    /// <summary>The same, and no more than its beginning.</summary>
    public static string Shortened(string text, int most) =>
        Shown(text.Length <= most ? text : $"{text[..(char.IsHighSurrogate(text[most - 1]) ? most - 1 : most)]}…");
}
