using System.Text;
using CsCheck;

namespace Granary.Amqp.Tests;

public sealed class ShortTextTests
{
    /// <summary>Text that may be cut within a character, followed by zeros, and with a wrong byte somewhere.</summary>
    private static readonly Gen<byte[]> MostlyText = Gen.Select(
        Gen.Int[1, 23], Gen.Int[0, 22], Gen.Byte, (length, at, wrong) =>
        {
            var bytes = new byte[length];
            var text = "aö€😀ḧ"u8;
            text[..Math.Min(length, text.Length)].CopyTo(bytes);
            bytes[at % length] = wrong;
            return bytes;
        });

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("zwölf €😀")]
    public void Decode_Utf8_IsTheText(string text)
    {
        Assert.Equal(text, ShortText.Decode(Encoding.UTF8.GetBytes(text)));
        Assert.Equal(Encoding.UTF8.GetByteCount(text), ShortText.ByteCount(text));
    }

    [Fact]
    public void DecodeThenEncode_AnyBytes_GivesTheSameBytes() => Gen.OneOf(Gen.Byte.Array[0, 23], MostlyText).Sample(
        bytes =>
        {
            var decoded = ShortText.Decode(bytes);
            var encoded = new byte[ShortText.ByteCount(decoded)];
            Assert.Equal(encoded.Length, ShortText.Encode(decoded, encoded));
            Assert.Equal(bytes, encoded);
        },
        iter: 20_000,
        print: Convert.ToHexString);
}
