namespace Granary.Amqp.Methods;

/// <summary>A method that can be written.</summary>
public interface IMethod
{
    /// <summary>Class and method number as in <see cref="Amqp.MethodId"/>.</summary>
    uint Id { get; }

    /// <summary>Octets of the fields, without the four of class and method number.</summary>
    int Size { get; }

    /// <summary>Writes the fields, <see cref="Size"/> octets.</summary>
    /// <exception cref="ArgumentException">A short string has more than 255 bytes of UTF-8.</exception>
    void Write(ref AmqpWriter writer);
}
