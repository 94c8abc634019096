namespace Granary.Amqp;

/// <summary>A decimal of a field table: <paramref name="Digits"/> divided by ten to the power of <paramref name="Scale"/>.</summary>
public readonly record struct FieldDecimal(byte Scale, uint Digits);
