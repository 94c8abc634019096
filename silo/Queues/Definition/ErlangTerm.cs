using Granary.Amqp;

namespace Granary.Silo.Queues.Definition;

/// <summary>Field values the way RabbitMQ prints them in its error texts.</summary>
internal static class ErlangTerm
{
    /// <summary>RabbitMQ's name of a field type (rabbit_binary_parser).</summary>
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
        _ => "unknown",
    };

    /// <summary>A value beside another one: <c>'60000'</c>.</summary>
    public static string Bare(FieldValue value) => $"'{value}'";

    /// <summary>A value beside none: <c>the value '60000' of type 'long'</c>.</summary>
    public static string Typed(FieldValue value) => $"the value '{value}' of type '{TypeName(value.Kind)}'";
}
