using System.Text;

namespace Granary.Gateway.Management.Frame;

/// <summary>Names and keys that are short strings over AMQP: 255 octets at the most.</summary>
internal static class ShortName
{
    private const int Longest = 255;

    /// <exception cref="ApiException">400: it is longer.</exception>
    public static void Check(string what, string name)
    {
        var size = Encoding.UTF8.GetByteCount(name);
        if (size > Longest)
        {
            throw ApiException.BadRequest($"{what} should be less than {Longest} bytes, actually was {size}");
        }
    }
}
