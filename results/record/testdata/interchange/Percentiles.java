import java.io.File;
import org.HdrHistogram.EncodableHistogram;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;

/** Prints, for each interval of a histogram log: tag, length in ms, count, percentiles. */
public class Percentiles {
    public static void main(String[] args) throws Exception {
        HistogramLogReader reader = new HistogramLogReader(new File(args[0]));
        while (reader.hasNext()) {
            EncodableHistogram next = reader.nextIntervalHistogram();
            if (next == null) {
                break;
            }
            Histogram h = (Histogram) next;
            StringBuilder line = new StringBuilder();
            line.append(h.getTag());
            line.append(' ').append(h.getEndTimeStamp() - h.getStartTimeStamp());
            line.append(' ').append(h.getTotalCount());
            for (int i = 1; i < args.length; i++) {
                line.append(' ').append(h.getValueAtPercentile(Double.parseDouble(args[i])));
            }
            System.out.println(line);
        }
    }
}
