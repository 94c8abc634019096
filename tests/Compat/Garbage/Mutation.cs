namespace Granary.Compat.Tests.Garbage;

/// <summary>Spoils a recorded session; the same seed spoils it the same way.</summary>
internal static class Mutation
{
    private static readonly byte[] Telling = [0x00, 0x01, 0x7F, 0x80, 0xCE, 0xFE, 0xFF];

    /// <summary>One to four changes: bits, bytes, runs cut out, repeated or overwritten, a cut end, garbage put in.</summary>
    public static byte[] Of(byte[] session, int seed)
    {
        var random = new Random(seed);
        var bytes = session.ToList();
        for (var changes = random.Next(1, 5); changes > 0 && bytes.Count > 16; changes--)
        {
            var at = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 64), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = Telling[random.Next(Telling.Length)];
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 5:
                    var garbage = new byte[length];
                    random.NextBytes(garbage);
                    bytes.InsertRange(at, garbage);
                    break;
                case 6:
                    // Four bytes of a length somewhere: huge, negative or nearly right.
                    for (var i = 0; i < Math.Min(4, bytes.Count - at); i++)
                    {
                        bytes[at + i] = Telling[random.Next(Telling.Length)];
                    }

                    break;
                default:
                    bytes[at] = (byte)random.Next(256);
                    break;
            }
        }

        return [.. bytes];
    }
}
