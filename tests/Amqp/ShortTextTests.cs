using System.Text;

namespace Granary.Amqp.Tests;

public sealed class ShortTextTests
{
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
    public void DecodeThenEncode_RandomBytes_GivesTheSameBytes()
    {
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(24)];
            random.NextBytes(bytes);
            if (i % 2 == 0)
            {
                // Mostly text, with a wrong byte here and there.
                var text = "aö€😀ḧ"u8;
                text[..Math.Min(bytes.Length, text.Length)].CopyTo(bytes);
                if (bytes.Length > 0)
                {
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                }
            }

            var decoded = ShortText.Decode(bytes);
            var encoded = new byte[ShortText.ByteCount(decoded)];
            Assert.Equal(encoded.Length, ShortText.Encode(decoded, encoded));
            Assert.Equal(bytes, encoded);
        }
    }
}
