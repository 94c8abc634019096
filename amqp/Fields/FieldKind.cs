namespace Granary.Amqp;

/// <summary>The type letters of field tables, as RabbitMQ reads them (rabbit_binary_parser): its errata, not the text of 0-9-1.</summary>
public enum FieldKind : byte
{
    /// <summary><c>V</c>: no value.</summary>
    Void = (byte)'V',

    /// <summary><c>t</c>: one octet.</summary>
    Boolean = (byte)'t',

    /// <summary><c>b</c>: signed 8 bits.</summary>
    SignedByte = (byte)'b',

    /// <summary><c>B</c>: unsigned 8 bits.</summary>
    UnsignedByte = (byte)'B',

    /// <summary><c>s</c>: signed 16 bits.</summary>
    Short = (byte)'s',

    /// <summary><c>u</c>: unsigned 16 bits.</summary>
    UnsignedShort = (byte)'u',

    /// <summary><c>I</c>: signed 32 bits.</summary>
    Int = (byte)'I',

    /// <summary><c>i</c>: unsigned 32 bits.</summary>
    UnsignedInt = (byte)'i',

    /// <summary><c>l</c>: signed 64 bits.</summary>
    Long = (byte)'l',

    /// <summary><c>L</c>: 64 bits that RabbitMQ reads as signed, too.</summary>
    OtherLong = (byte)'L',

    /// <summary><c>f</c>: IEEE 754 single.</summary>
    Float = (byte)'f',

    /// <summary><c>d</c>: IEEE 754 double.</summary>
    Double = (byte)'d',

    /// <summary><c>D</c>: one octet of scale, 32 bits of digits.</summary>
    Decimal = (byte)'D',

    /// <summary><c>T</c>: seconds since 1970 in 64 bits.</summary>
    Timestamp = (byte)'T',

    /// <summary><c>S</c>: a long string, text by custom.</summary>
    LongString = (byte)'S',

    /// <summary><c>x</c>: octets.</summary>
    Bytes = (byte)'x',

    /// <summary><c>A</c>: values one after the other.</summary>
    Array = (byte)'A',

    /// <summary><c>F</c>: a nested table.</summary>
    Table = (byte)'F',
}
