using System.Globalization;
using System.Text;
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

    /// <summary>A value as an Erlang term, close to what <c>~p</c> prints: text in <c>&lt;&lt;"…"&gt;&gt;</c>.</summary>
    public static string Term(FieldValue value) =>
        value.TryGetText(out var text) ? $"<<\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\">>" : Plain(value);

    /// <summary>
    /// 406 when an argument differs, or null. Numbers of one class (integers; floats) are compared by value, whatever their width.
    /// </summary>
    public static BrokerError? CheckEquivalence(string argument, string kind, string name, string vhost, FieldTable received, FieldTable current)
    {
        var asked = received.TryGetValue(argument, out var askedValue);
        var there = current.TryGetValue(argument, out var thereValue);
        if (asked && there)
        {
            return AreEqual(askedValue, thereValue)
                ? null
                : BrokerError.InequivalentArgument(argument, kind, name, vhost, $"'{Plain(askedValue)}'", $"'{Plain(thereValue)}'");
        }

        return asked == there ? null : BrokerError.InequivalentArgument(argument, kind, name, vhost, Typed(asked, askedValue), Typed(there, thereValue));

        static string Typed(bool present, FieldValue value) =>
            present ? $"the value '{Plain(value)}' of type '{TypeName(value.Kind)}'" : "none";
    }

    private static bool AreEqual(FieldValue left, FieldValue right)
    {
        if (left.TryGetInteger(out var leftNumber) && right.TryGetInteger(out var rightNumber))
        {
            return leftNumber == rightNumber;
        }

        return left.TryGetDouble(out var leftFloat) && right.TryGetDouble(out var rightFloat) ? leftFloat.Equals(rightFloat) : left == right;
    }

    private static string Plain(FieldValue value)
    {
        if (value.TryGetText(out var text))
        {
            return text;
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
            return real.ToString("0.0###############", CultureInfo.InvariantCulture);
        }

        if (value.TryGetTimestamp(out var seconds))
        {
            return seconds.ToString(CultureInfo.InvariantCulture);
        }

        if (value.TryGetBytes(out var octets))
        {
            return Encoding.UTF8.GetString(octets.Span);
        }

        return value.Kind == FieldKind.Void ? "undefined" : value.ToString();
    }
}
