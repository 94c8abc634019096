namespace Granary.Amqp.Tests;

/// <summary>A frame, or where reading stopped.</summary>
public sealed record OracleFrame(int Type, int Channel, string Payload);

/// <summary>A second reading of section 4.2.3, octet by octet and with nothing shared with the product, to check frame boundaries.</summary>
public static class FrameOracle
{
    /// <summary>All whole frames, and whether what follows them can never become a frame.</summary>
    public static (List<OracleFrame> Frames, int Consumed, bool Refused) Read(byte[] bytes, int frameMax)
    {
        var frames = new List<OracleFrame>();
        using var stream = new MemoryStream(bytes);
        var consumed = 0;
        while (true)
        {
            var header = new List<int>();
            for (int octet; header.Count < 7 && (octet = stream.ReadByte()) >= 0;)
            {
                header.Add(octet);
            }

            if (header.Count < 7)
            {
                return (frames, consumed, false);
            }

            var size = (((((long)header[3] * 256) + header[4]) * 256 + header[5]) * 256) + header[6];
            if (size > frameMax || !new[] { 1, 2, 3, 8 }.Contains(header[0]))
            {
                return (frames, consumed, true);
            }

            var payload = new byte[size];
            if (stream.Read(payload) < size || stream.ReadByte() is var end && end < 0)
            {
                return (frames, consumed, false);
            }

            if (end != 206)
            {
                return (frames, consumed, true);
            }

            frames.Add(new OracleFrame(header[0], (header[1] * 256) + header[2], Convert.ToHexString(payload)));
            consumed = (int)stream.Position;
        }
    }
}
