using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Granary.Amqp;

namespace Granary.Core.Topology;

/// <summary>Argument values as RabbitMQ's error texts show them (rabbit_misc: val, type_class, assert_args_equivalence).</summary>
public static class FieldText
{
    /// <summary>The name of a field type in RabbitMQ's texts.</summary>
    public static string TypeName(FieldKind kind) => kind switch
    {
        FieldKind.Void => "void",
        FieldKind.Boolean => "bool",
        FieldKind.SignedByte => "byte",
        FieldKind.UnsignedByte => "unsignedbyte",
        FieldKind.Short => "short",
        FieldKind.UnsignedShort => "unsignedshort",
        FieldKind.Int => "signedint",
        FieldKind.UnsignedInt => "unsignedint",
        FieldKind.Long or FieldKind.OtherLong => "long",
        FieldKind.Float => "float",
        FieldKind.Double => "double",
        FieldKind.Decimal => "decimal",
        FieldKind.Timestamp => "timestamp",
        FieldKind.LongString => "longstr",
        FieldKind.Bytes => "binary",
        FieldKind.Array => "array",
        FieldKind.Table => "table",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a field type."),
    };

    /// <summary>A name as Erlang's <c>~p</c> prints an atom: in quotes unless it is a word.</summary>
    public static string Atom(string name) =>
        name.Length > 0 && char.IsAsciiLetterLower(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '@') ? name : $"'{name}'";

    /// <summary>A value as Erlang's <c>~p</c> prints the term that RabbitMQ makes of it: text as <c>&lt;&lt;"…"&gt;&gt;</c>, a table as <c>[{&lt;&lt;"name"&gt;&gt;,type,value},…]</c>.</summary>
    public static string Term(FieldValue value)
    {
        if (value.TryGetBytes(out var octets) || TryGetOctets(value, out octets))
        {
            return Binary(octets.Span);
        }

        if (value.TryGetTable(out var table))
        {
            return $"[{string.Join(',', table.Select(static entry => $"{{{Term(entry.Key)},{TypeName(entry.Value.Kind)},{Term(entry.Value)}}}"))}]";
        }

        if (value.TryGetArray(out var array))
        {
            return $"[{string.Join(',', array.Select(static element => $"{{{TypeName(element.Kind)},{Term(element)}}}"))}]";
        }

        if (value.TryGetInteger(out var number))
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        if (value.TryGetBoolean(out var truth))
        {
            return truth ? "true" : "false";
        }

        if (value.TryGetDouble(out var real))
        {
            return Float(real);
        }

        if (value.TryGetTimestamp(out var seconds))
        {
            return seconds.ToString(CultureInfo.InvariantCulture);
        }

        return value.TryGetDecimal(out var fraction) ? string.Create(CultureInfo.InvariantCulture, $"{{{fraction.Scale},{fraction.Digits}}}") : "undefined";
    }

    /// <summary>A value beside another one: <c>'60000'</c>.</summary>
    public static string Bare(FieldValue value) => $"'{Plain(value)}'";

    /// <summary>A value beside none: <c>the value '60000' of type 'long'</c>.</summary>
    public static string Typed(FieldValue value) => $"the value '{Plain(value)}' of type '{TypeName(value.Kind)}'";

    /// <summary>
    /// 406 when an argument differs, or null. Numbers of one class (integers; floats) are compared by value, whatever their width.
    /// </summary>
    public static BrokerError? CheckEquivalence(string argument, string kind, string name, string vhost, FieldTable received, FieldTable current)
    {
        var asked = received.TryGetValue(argument, out var askedValue);
        var there = current.TryGetValue(argument, out var thereValue);
        if (asked && there)
        {
            return AreEqual(askedValue, thereValue) ? null : BrokerError.InequivalentArgument(argument, kind, name, vhost, Bare(askedValue), Bare(thereValue));
        }

        return asked == there
            ? null
            : BrokerError.InequivalentArgument(argument, kind, name, vhost, asked ? Typed(askedValue) : "none", there ? Typed(thereValue) : "none");
    }

    private static bool AreEqual(FieldValue left, FieldValue right)
    {
        if (left.TryGetInteger(out var leftNumber) && right.TryGetInteger(out var rightNumber))
        {
            return leftNumber == rightNumber;
        }

        return left.TryGetDouble(out var leftFloat) && right.TryGetDouble(out var rightFloat) ? leftFloat.Equals(rightFloat) : left == right;
    }

    // Text is printed as it is, all else as a term.
    private static string Plain(FieldValue value) =>
        value.TryGetText(out var text) ? text : value.TryGetBytes(out var octets) ? Encoding.UTF8.GetString(octets.Span) : Term(value);

    private static bool TryGetOctets(FieldValue value, out ReadOnlyMemory<byte> octets)
    {
        var isText = value.TryGetText(out var text);
        octets = isText ? Encoding.UTF8.GetBytes(text) : default;
        return isText;
    }

    // Octets that can be printed are shown as text, others as numbers (io_lib_pretty).
    private static string Binary(ReadOnlySpan<byte> octets)
    {
        if (octets.IsEmpty)
        {
            return "<<>>";
        }

        var text = Utf8.IsValid(octets) ? Encoding.UTF8.GetString(octets) : null;
        if (text is null || text.Any(static c => char.IsControl(c) && !"\n\r\t\v\b\f\e".Contains(c, StringComparison.Ordinal)))
        {
            return $"<<{string.Join(',', octets.ToArray())}>>";
        }

        var shown = new StringBuilder();
        foreach (var c in text)
        {
            shown.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\v' => "\\v",
                '\b' => "\\b",
                '\f' => "\\f",
                '\e' => "\\e",
                _ => c,
            });
        }

        return $"<<\"{shown}\"{(Ascii.IsValid(octets) ? "" : "/utf8")}>>";
    }

    // The shortest digits that mean the number, with an exponent where that is shorter (io_lib_format's fwrite_g).
    private static string Float(double value)
    {
        var sign = double.IsNegative(value) ? "-" : "";
        if (value == 0)
        {
            return sign + "0.0";
        }

        var scientific = Math.Abs(value).ToString("E16", CultureInfo.InvariantCulture);
        for (var precision = 0; precision < 17; precision++)
        {
            var shorter = Math.Abs(value).ToString($"E{precision}", CultureInfo.InvariantCulture);
            if (double.Parse(shorter, CultureInfo.InvariantCulture).Equals(Math.Abs(value)))
            {
                scientific = shorter;
                break;
            }
        }

        var parts = scientific.Split('E');
        var digits = parts[0].Replace(".", "", StringComparison.Ordinal);
        var place = int.Parse(parts[1], CultureInfo.InvariantCulture) + 1;
        var exponent = (place - 1).ToString(CultureInfo.InvariantCulture);
        var cost = exponent.Length + (digits.Length == 1 ? 3 : 2);
        return sign + (
            place > 0 && place < digits.Length ? $"{digits[..place]}.{digits[place..]}"
            : place <= 0 && (place == 0 || 2 - place <= cost) ? $"0.{new string('0', -place)}{digits}"
            : place >= digits.Length && place - digits.Length + 2 <= cost ? $"{digits}{new string('0', place - digits.Length)}.0"
            : $"{digits[0]}.{(digits.Length == 1 ? "0" : digits[1..])}e{exponent}");
    }
}
