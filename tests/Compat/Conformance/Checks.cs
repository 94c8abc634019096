using System.Collections;
using System.Globalization;
using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Conformance;

/// <summary>What cases say of messages that they get.</summary>
internal static class Checks
{
    public static Check Redelivered { get; } = new("it is redelivered", message => Assert.True(message.Redelivered, $"'{message.Body}' is not marked as redelivered."));

    public static Check Fresh { get; } = new("it is not redelivered", message => Assert.False(message.Redelivered, $"'{message.Body}' is marked as redelivered."));

    /// <summary>A header, or a part of it: <c>x-death[0].count</c>.</summary>
    public static Check Header(string path, object? value) => new($"{path} is {value}", message =>
        Assert.Equal(Show(value), Show(Find(message, path))));

    /// <summary>A header that has a case's name as its value, or begins or ends with one.</summary>
    public static Check HeaderIsName(string path, string name) => new($"{path} is {name}", message =>
    {
        var found = Show(Find(message, path));
        Assert.True(found.EndsWith("." + name, StringComparison.Ordinal), $"{path} is {found}.");
    });

    public static Check HeaderIs<T>(string path) => new($"{path} is there", message => Assert.IsType<T>(Find(message, path)));

    public static Check NoHeader(string path) => new($"no {path}", message => Assert.Null(Find(message, path)));

    public static Check Property(string what, Func<WireProperties, object?> read, object? value) =>
        new($"{what} is {value}", message => Assert.Equal(value, read(message.Properties)));

    public static Check NoProperty(string what, Func<WireProperties, object?> read) => Property(what, read, null);

    public static Check Tag(ulong tag) => new($"its tag is {tag}", message => Assert.Equal(tag, message.Tag));

    public static Check Key(string key) => new($"its key is {key}", message => Assert.Equal(key, message.Key));

    /// <summary>Its routing key is the name of a queue of the case.</summary>
    public static Check KeyIsName(string name) => new($"its key is {name}", message => Assert.EndsWith("." + name, message.Key, StringComparison.Ordinal));

    /// <summary>It was published, or dead-lettered, to the default exchange.</summary>
    public static Check FromDefault { get; } = new("it comes from the default exchange", message => Assert.Equal("", message.Exchange));

    public static Check From(string exchange) => new($"it comes from {exchange}", message => Assert.EndsWith("." + exchange, message.Exchange, StringComparison.Ordinal));

    private static object? Find(StageEvent message, string path)
    {
        object? found = message.Properties.Headers;
        foreach (var part in path.Replace("[", ".[", StringComparison.Ordinal).Split('.'))
        {
            found = (found, part) switch
            {
                (IReadOnlyDictionary<string, object?> table, _) => table.GetValueOrDefault(part),
                (List<object?> list, ['[', .. var index, ']']) => list.ElementAtOrDefault(int.Parse(index, CultureInfo.InvariantCulture)),
                _ => null,
            };
        }

        return found;
    }

    /// <summary>Whatever the width of a number.</summary>
    private static string Show(object? value) => value switch
    {
        null => "nothing",
        string text => text,
        IEnumerable list => $"[{string.Join(", ", list.Cast<object?>().Select(Show))}]",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
