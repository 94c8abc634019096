using System.Collections;
using System.Globalization;
using System.Text;

namespace Granary.Differ.Tests.Walk;

/// <summary>One thing that a client does, as data: it can be shown, and made simpler.</summary>
/// <param name="Place">Connection and channel: "b2" is channel 2 of the second connection.</param>
/// <param name="Kind">The method, or what is wrong with the frames.</param>
/// <param name="Fields">Those that are left out have their defaults. Values of the type <see cref="Fields"/> are tables, of which entries can be left out, too.</param>
internal sealed record Operation(string Place, string Kind, Fields Fields)
{
    /// <summary>The same with one thing less.</summary>
    public IEnumerable<Operation> Simpler()
    {
        foreach (var fields in Fields.Simpler())
        {
            yield return this with { Fields = fields };
        }

        if (Place != "a1")
        {
            yield return this with { Place = "a1" };
            yield return this with { Place = $"{Place[0]}1" };
        }
    }

    public string Text(string name) => Fields.GetValueOrDefault(name) as string ?? "";

    public bool Flag(string name) => Fields.GetValueOrDefault(name) is true;

    public int Number(string name) => Fields.GetValueOrDefault(name) as int? ?? 0;

    public Fields? Table(string name) => Fields.GetValueOrDefault(name) as Fields;

    public override string ToString() => $"{Place} {Kind} {Fields.ToString()[1..^1]}";
}

/// <summary>Names and values in their order.</summary>
internal sealed class Fields : Dictionary<string, object?>
{
    public Fields()
    {
    }

    public Fields(IEnumerable<KeyValuePair<string, object?>> fields)
        : base(fields)
    {
    }

    /// <summary>The same with one field less, or with one that is simpler.</summary>
    public IEnumerable<Fields> Simpler()
    {
        foreach (var (name, value) in this)
        {
            var without = new Fields(this);
            without.Remove(name);
            yield return without;
            if (value is Fields table)
            {
                foreach (var simpler in table.Simpler())
                {
                    yield return new Fields(this) { [name] = simpler };
                }
            }
        }
    }

    public override string ToString() => ValueText.Of(this);
}

/// <summary>Values of field tables as text, with their types.</summary>
internal static class ValueText
{
    public static string Of(object? value) => value switch
    {
        null => "void",
        string text => Quoted(text),
        bool flag => flag ? "true" : "false",
        byte[] bytes => $"bytes:{Convert.ToHexString(bytes)}",
        DateTimeOffset time => $"time:{time.ToUnixTimeSeconds()}",
        IEnumerable<KeyValuePair<string, object?>> table => $"{{{string.Join(", ", table.Select(field => $"{field.Key}={Of(field.Value)}"))}}}",
        IEnumerable list => $"[{string.Join(", ", list.Cast<object?>().Select(Of))}]",
        int number => number.ToString(CultureInfo.InvariantCulture),
        _ => $"{value.GetType().Name}:{Convert.ToString(value, CultureInfo.InvariantCulture)}",
    };

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text.Length > 300 ? text[..300] + $"…{text.Length}" : text)
        {
            quoted.Append(c < ' ' || c == '"' ? $"\\x{(int)c:x2}" : c.ToString());
        }

        return quoted.Append('"').ToString();
    }
}
